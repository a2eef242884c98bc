"""What ``asc-nas init`` prints: what was found, and what it means."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from asc_nas.cli.output.licence import print_licence
from asc_nas.cli.output.network_tables import print_table
from asc_nas.cli.output.text import shown
from asc_nas.core.errors import command

if TYPE_CHECKING:
    from asc_nas.data.manifest import Clip, Manifest
    from asc_nas.run.start import Start
    from asc_nas.run.starter import Chosen, Inspected, Starter
    from data_prep.checks import Report
    from data_prep.own_data import Look

FEW_CLIPS = 20
"""Clips of a class below which its scores are rough."""
SHOWN = 3
"""Findings that are printed of each check."""
LAYOUTS = {
    "folders": "one folder per class",
    "csv": "a list of clips",
    "names": "labels at the beginning of the file names",
}


def print_look(found: "Look", clips: "Manifest", seconds: float) -> None:
    """Print classes, lengths, rates and groups; `clips` are those cut to `seconds`."""
    files = len(found.infos) + len(found.unreadable)
    hours = sum(found.lengths) / 3600
    counted = "1 recording" if files == 1 else f"{files} recordings"
    typer.echo(f"{found.source}: {counted}, {hours:.2f} h, {LAYOUTS[found.layout]}\n")
    recordings = Counter(clip.label for clip in found.manifest.clips)
    table = Table("Class", "Recordings", "Clips", "Groups", box=None, header_style="bold")
    for label in clips.labels:
        of_label = [clip for clip in clips.clips if clip.label == label]
        groups = len({clip.group for clip in of_label})
        row = (str(recordings[label]), str(len(of_label)), str(groups))
        table.add_row(Text(label), *row)
    print_table(table)
    low, high = found.lengths[0], found.lengths[-1]
    cut = len(clips.clips) > len(found.manifest.clips)
    typer.echo(
        f"\nLengths: {low:.1f} to {high:.1f} s, median {found.median_length:.1f} s; "
        + (f"cut into clips of {seconds:g} s" if cut else f"examples of {seconds:g} s")
    )
    rates = ", ".join(f"{rate} Hz ({n})" for rate, n in sorted(found.rates.items()))
    channels = Counter(info.channels for info in found.infos.values())
    typer.echo(f"Rates: {rates}; channels: {', '.join(map(str, sorted(channels)))}")
    typer.echo(f"Groups: {_groups(found)}")
    if found.answers:
        names = ", ".join(path.name for path in found.answers[:SHOWN])
        more = f" and {len(found.answers) - SHOWN} more" if len(found.answers) > SHOWN else ""
        typer.echo(f"note: {names}{more}: answers of 'asc-nas classify', not taken for labels")


def _groups(found: "Look") -> str:
    if found.grouping is not None:
        example = found.manifest.clips[0]
        return (
            f"{found.grouping.count}, guessed from {found.grouping.source}: {example.path} is in "
            f"'{example.group}'; correct the column 'group' of the list if that is wrong"
        )
    if found.grouped:
        return "as listed"
    return (
        "none found: every recording is taken for one of its own place and time. If several are "
        "of one session, put them into a folder below their class, or list them with a column "
        "'group'; otherwise the test is easier than the world"
    )


def print_blocks(inspected: "Inspected") -> None:
    """Warn of recordings that are cut into groups by time."""
    if inspected.in_blocks:
        typer.echo(
            f"warning: {', '.join(inspected.in_blocks)}: too few recordings to keep some for the "
            "test, so long ones are cut into blocks of time, with a gap between them. Training "
            "hears the recordings that are tested: the scores are too good. Record more."
        )


def print_unreadable(found: "Look") -> None:
    """Print the first of the files that cannot be opened."""
    for reason in list(found.unreadable.values())[:SHOWN]:
        typer.echo(f"left out: {reason}")
    if len(found.unreadable) > SHOWN:
        typer.echo(f"... and {len(found.unreadable) - SHOWN} more files that cannot be read")


def print_check(report: "Report") -> None:
    """Print the first findings of every check."""
    from data_prep.checks import CHECKS

    if report.findings:
        typer.echo("\nProblems:")
    for name in CHECKS:
        found = report.of(name)
        for finding in found[:SHOWN]:
            typer.echo(f"  {finding.severity}: {finding.message}")
        if len(found) > SHOWN:
            typer.echo(f"  ... and {len(found) - SHOWN} more ({name})")


def print_split(manifest: "Manifest") -> None:
    """Print how the clips are divided, and what too few of them mean."""
    table = Table("Clips", "Train", "Search-val", "Test", box=None, header_style="bold")
    roles = [manifest.with_role(role) for role in ("train", "search_val", "test")]
    table.add_row("", *(str(len(clips)) for clips in roles))
    typer.echo("")
    print_table(table)
    for line in _meaning(manifest, roles[2]):
        typer.echo(f"note: {line}")
    typer.echo("")


def print_origin(start: "Start") -> None:
    """Print what the weights of a model were trained on, and what they may not be used for."""
    if (card := start.card) is None:
        return
    print_licence(card)
    trained_on = card.data.source or card.data.name
    typer.echo(f"{shown(card.name)} was trained on {shown(trained_on)}.")
    typer.echo("If these recordings are among yours, a test on them means nothing.")


def print_started(starter: "Starter", inspected: "Inspected") -> None:
    """Print which files were written for a network that begins with given weights, and go on."""
    from data_prep.own_data import STARTED

    _print_lists(starter, inspected)
    typer.echo(f"Config -> {starter.config}")
    typer.echo(f"Next: {command('train', starter.config, STARTED)}")
    typer.echo(f"then: {command('export', f'runs/{starter.name}', STARTED, '--calibrate')}")


def _print_lists(starter: "Starter", inspected: "Inspected") -> None:
    if inspected.listed:
        typer.echo(f"Clips, with labels and groups to check and correct -> {starter.clips}")
    if inspected.left_out:
        typer.echo(f"{len(inspected.left_out)} clips that are left out -> {starter.excluded}")


def print_written(starter: "Starter", inspected: "Inspected", chosen: "Chosen") -> None:
    """Print which files were written, and what comes next."""
    from asc_nas.run.starter import SKELETONS

    _print_lists(starter, inspected)
    changes = []
    if chosen.skeleton != SKELETONS[0]:
        changes.append(f"the skeleton {chosen.skeleton}")
    if chosen.shortened:
        changes.append("shorter windows and hops")
    for_limits = f", with {' and '.join(changes)} for the limits," if changes else ""
    typer.echo(f"Config{for_limits} -> {starter.config}\nNext: {command('run', starter.config)}")


def _meaning(manifest: "Manifest", test: "Sequence[Clip]") -> Iterator[str]:
    counts = Counter(clip.label for clip in manifest.clips)
    few = [label for label in manifest.labels if counts[label] < FEW_CLIPS]
    if few:
        least = min(few, key=lambda label: counts[label])
        tested = sum(clip.label == least for clip in test)
        yield (
            f"{', '.join(few[:5])}{' ...' if len(few) > 5 else ''}: fewer than {FEW_CLIPS} clips. "
            f"'{least}' is tested on {tested}: one more or less right is {1 / max(1, tested):.0%} "
            "of its score, so compare networks with care, and record more."
        )
    if not few and len(test) < 100:
        yield (
            f"{len(test)} test clips tell accuracy to about {1 / math.sqrt(len(test)):.0%} either "
            "way; smaller differences mean nothing."
        )
    if max(counts.values()) > 5 * min(counts.values()):
        yield (
            "classes are of very unequal size; macro-F1, which steers the search, weighs all alike."
        )
    groups: dict[str, set[str]] = defaultdict(set)
    for clip in manifest.clips:
        groups[clip.label].add(clip.group)
    poor = [label for label in manifest.labels if len(groups[label]) < min(5, counts[label])]
    if poor:
        yield (
            f"{', '.join(poor[:5])}{' ...' if len(poor) > 5 else ''}: fewer than five groups, "
            "so the test hears one or two places; more places help more than more minutes."
        )
