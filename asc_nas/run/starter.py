"""A config for own recordings, step by step: look, cut, check, divide, choose settings, write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from asc_nas.core.errors import AscNasError, UsageError, command
from asc_nas.core.files import write_text
from asc_nas.core.progress import SILENT, Listener
from asc_nas.data.manifest import Manifest
from asc_nas.run.beginning import cost_of, hand_made, size_limits
from asc_nas.run.config import RunConfig
from asc_nas.run.start import Start
from asc_nas.search.feasibility import unmet
from data_prep import own_data
from data_prep.checks import Report, write_keys
from data_prep.checks import check as check_clips
from data_prep.splits import SplitConfig, assign_roles

SKELETONS = ("cp_mobile", "cp_mobile_tiny")
"""Tried in order, each with hops of every length, the longest first, as they cost least. Long
windows need more RAM."""
WIDTHS = tuple(eighths / 8 for eighths in range(16, 1, -1))
"""How many times as wide as a skeleton a hand-made network may be, the largest first."""
ENOUGH = 0.375
"""Width from which there is no need of another skeleton, or shorter hops."""


@dataclass(frozen=True)
class Starter:
    """The files that are written: the config, and what it names beside it."""

    name: str
    config: Path

    @property
    def clips(self) -> Path:
        """The list of clips, where the folder alone does not say enough."""
        return self.config.with_suffix(".clips.csv")

    @property
    def excluded(self) -> Path:
        """The keys of clips that are left out."""
        return self.config.with_suffix(".exclude.txt")

    @property
    def exists(self) -> bool:
        """Whether writing would overwrite something that a user may have edited."""
        return self.config.exists() or self.clips.exists()


@dataclass(frozen=True)
class Chosen:
    """What the limits leave: a skeleton, and windows and hops.

    Attributes
    ----------
    skeleton : str
    width : float
        How many times as wide the largest hand-made network is.
    coarser : int
        How many times as long windows and hops are as of short sounds, see `coarsenesses`.
    shortened : bool
        Whether they are shorter than they could be.
    """

    skeleton: str
    width: float = 1.0
    coarser: int = 1
    shortened: bool = False


@dataclass(frozen=True)
class Inspected:
    """Recordings that were looked at.

    Attributes
    ----------
    found : Look
        What the folder holds.
    manifest : Manifest
        The clips of a run, long recordings cut, as the run will read them.
    seconds : float
        Length of an example.
    listed : bool
        Whether a list of clips must be written.
    left_out : frozenset of str
        Keys of clips that cannot be used.
    in_blocks : tuple of str
        Classes whose few long recordings are cut into groups by time.
    """

    found: own_data.Look
    manifest: Manifest
    seconds: float
    listed: bool
    left_out: frozenset[str]
    in_blocks: tuple[str, ...] = ()

    @property
    def usable(self) -> Manifest:
        """The clips that can be used."""
        clips = self.manifest.clips
        return self.manifest.with_clips([clip for clip in clips if clip.key not in self.left_out])


def inspect(
    folder: Path, starter: Starter, seconds: float | None, listener: Listener = SILENT
) -> Inspected:
    """Look at recordings and cut the long ones.

    Parameters
    ----------
    seconds : of an example; None is what the lengths suggest

    Raises
    ------
    AscNasError
        If they are no labelled recordings.
    UsageError
        If examples would be silence for the most part.
    """
    with listener.stage("Look") as progress:
        found = own_data.look(folder, progress)
    longest = max(found.lengths)
    if seconds is not None and seconds > 2 * longest:
        raise UsageError(
            f"--seconds {seconds:g}: the longest recording has {longest:.3g} s, so most of an "
            f"example would be silence; give at most {2 * longest:.3g}, or leave it out."
        )
    length = seconds or own_data.example_seconds(found.lengths)
    manifest, in_blocks = own_data.in_blocks(own_data.cut_long(found, length))
    clips = manifest
    was_cut = len(manifest.clips) > len(found.manifest.clips)
    listed = was_cut or found.grouping is not None or found.layout == "names"
    if listed:
        manifest = own_data.as_listed(manifest, starter.clips)
    pairs = zip(clips.clips, manifest.clips, strict=True)
    unreadable = {new.key for old, new in pairs if old.path in found.unreadable}
    return Inspected(found, manifest, length, listed, frozenset(unreadable), in_blocks)


def check(inspected: Inspected, listener: Listener = SILENT) -> tuple[Inspected, Report]:
    """Decode all clips; return them without those that cannot be used, and what was found."""
    with listener.stage("Check") as progress:
        report = check_clips(inspected.manifest, progress=progress)
    left_out = inspected.left_out | set(report.bad_clips)
    return replace(inspected, left_out=left_out), report


def divide(starter: Starter, inspected: Inspected) -> Manifest:
    """Return the usable clips divided into training, search-val and test, as a run will do it.

    Raises
    ------
    AscNasError
        If they cannot be divided; the list of clips is written, to be corrected.
    """
    data = _data_settings(starter, inspected)
    split = {key: data[key] for key in data.keys() & SplitConfig.model_fields.keys()}
    try:
        return assign_roles(inspected.usable, SplitConfig.parse(split, starter.name), seed=0)
    except AscNasError as error:
        if inspected.found.layout == "csv" and not inspected.listed:
            raise
        listed = own_data.as_listed(inspected.manifest, starter.clips)
        clips = inspected.manifest if inspected.listed else listed
        write_text(starter.clips, own_data.clip_table(clips))
        again = command("init", starter.clips)
        raise type(error)(
            f"{error} {starter.clips} lists the clips with their groups: correct it, then run "
            f"'{again}'."
        ) from error


def write(
    starter: Starter,
    inspected: Inspected,
    roles: Manifest,
    limits: Mapping[str, Any],
    latency: str | None,
    sample_rate: int | None,
) -> Chosen:
    """Choose settings, write the config and what it names; return what the limits left.

    Parameters
    ----------
    roles : as `divide` gives them

    Raises
    ------
    UsageError
        If a setting is wrong, or no network meets the limits.
    """
    clips, found = inspected.usable, inspected.found
    data = _data_settings(starter, inspected)
    examples = sum(clip.channels for clip in roles.with_role("train"))
    heading = (
        f"{found.source.name}: {len(clips.clips)} clips of {len(clips.labels)} classes, "
        f"{examples} training examples.\n{command('run', starter.config)}"
    )

    def text(chosen: Chosen) -> str:
        settings = own_data.choose_settings(
            examples, found.rates, inspected.seconds, sample_rate, chosen.coarser
        )
        return own_data.starter_config(
            starter.name,
            data,
            settings,
            skeleton=chosen.skeleton,
            width=chosen.width,
            limits=limits,
            latency=latency,
            heading=heading,
        )

    def config(chosen: Chosen) -> RunConfig:
        return RunConfig.parse(yaml.safe_load(text(chosen)), str(starter.config))

    hops = own_data.coarsenesses(inspected.seconds)
    choices = [Chosen(name, 1.0, hop, hop < hops[0]) for name in SKELETONS for hop in hops]
    chosen = roomy(choices, config, len(clips.labels))
    _write_all(starter, inspected, text(chosen))
    return chosen


def _write_all(starter: Starter, inspected: Inspected, text: str) -> None:
    """Write what the config names, and then the config."""
    if inspected.listed:
        write_text(starter.clips, own_data.clip_table(inspected.manifest))
    if inspected.left_out:
        write_keys(starter.excluded, sorted(inspected.left_out))
    write_text(starter.config, text)


def write_started(
    starter: Starter,
    inspected: Inspected,
    roles: Manifest,
    start_from: str,
    start: Start,
    limits: Mapping[str, Any],
) -> None:
    """Write the config of a network that begins with given weights, and what it names.

    Parameters
    ----------
    roles : as `divide` gives them
    start_from : what `start` was read from

    Raises
    ------
    UsageError
        If the network costs more than the limits.
    """
    clips, found = inspected.usable, inspected.found
    examples = sum(clip.channels for clip in roles.with_role("train"))
    heading = (
        f"{found.source.name}: {len(clips.clips)} clips of {len(clips.labels)} classes, "
        f"{examples} training examples.\n{command('train', starter.config, own_data.STARTED)}"
    )
    if (card := start.card) is not None:
        heading += f"\nThe weights are of {card.data.source or card.data.name}; {card.data.licence}"
    text = own_data.started_config(
        starter.name,
        _data_settings(starter, inspected),
        own_data.choose_settings(examples, found.rates, inspected.seconds),
        start_from=start_from,
        network=str(start.genotype),
        skeleton=start.skeleton.model_dump(mode="json"),
        frontend=start.frontend.model_dump(mode="json"),
        limits=limits,
        heading=heading,
    )
    config = RunConfig.parse(yaml.safe_load(text), str(starter.config))
    used = cost_of(config, len(clips.labels))(start.genotype)
    bounds = size_limits(config)
    if not bounds.met_by(used):
        costs = bounds.used(used)
        over = next(name for name, most in bounds.bounds.items() if costs[name] > most)
        raise UsageError(
            f"the network of {start_from} needs {costs[over]:,.0f} of {over}, more than "
            f"{bounds.bounds[over]:,.0f}; raise the limit, or leave --start-from out."
        )
    _write_all(starter, inspected, text)


def _data_settings(starter: Starter, inspected: Inspected) -> dict[str, Any]:
    """Return the settings of the group ``data``."""
    folder = starter.clips if inspected.listed else inspected.found.source
    by_list = inspected.listed or inspected.found.layout == "csv"
    folds = sorted({clip.fold for clip in inspected.usable.clips} - {""})
    test: dict[str, Any] = {"test_fraction": 0.25}
    if len(folds) > 1:
        test = {"test_folds": ["test"] if "test" in folds else folds[-1:]}
    out = {"exclude": str(starter.excluded.absolute())} if inspected.left_out else {}
    return {
        "dataset": "csv" if by_list else "folders",
        "folder": str(folder.absolute()),
        **test,
        "search_val_fraction": 0.25,
        **out,
    }


def roomy(
    choices: Sequence[Chosen], config_with: Callable[[Chosen], RunConfig], classes: int
) -> Chosen:
    """Return the first choice whose hand-made networks may be wide enough within the limits.

    Each at the largest width that meets them; if none is wide enough, the widest of all.
    A limit on latency is left to the run: only there the layers have been measured.

    Raises
    ------
    UsageError
        If no network of any meets them: names the smallest cost.
    """
    fitting: list[Chosen] = []
    nearest: list[tuple[float, UsageError]] = []
    for choice in choices:
        for width in WIDTHS:
            chosen = replace(choice, width=width)
            config = config_with(chosen)
            cost, limits = cost_of(config, classes), size_limits(config)
            own = hand_made(config, config.search_space())
            widest = max(own, key=lambda genotype: cost(genotype).macs)
            if limits.met_by(cost(widest)):
                fitting.append(chosen)
                break
        else:
            smallest = min(own, key=lambda genotype: cost(genotype).macs)
            remedy = "Raise the limit; shorter --seconds or a lower --sample-rate help, too."
            error = unmet("hand-made network", [smallest], cost, limits, remedy)
            nearest.append((max(limits.excess(cost(smallest)).values()), error))
        if fitting and fitting[-1].width >= ENOUGH:
            return fitting[-1]
    if not fitting:
        raise min(nearest, key=lambda pair: pair[0])[1]
    return max(fitting, key=lambda chosen: chosen.width)
