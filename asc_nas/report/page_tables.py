"""Tables that stand on the page alone."""

from collections.abc import Sequence

from asc_nas.report.run_report import DataSummary, RunReport
from asc_nas.report.tables import Cell, Table
from asc_nas.search.shrinking_log import ShrinkingEvent, Verdict
from asc_nas.training.path_schedule import Updates
from data_prep.checks import Report


def updates_table(updates: Updates) -> Table:
    """Return how evenly the supernet trained the candidates of each choice."""
    names = choice_names([next(iter(choice.updates)) for choice in updates.blocks])
    rows = tuple(
        (name, len(choice.updates), choice.min, choice.max)
        for name, choice in zip(names, updates.blocks, strict=True)
    )
    columns = ("Choice", "Candidates", "Fewest updates", "Most updates")
    return Table("How often the supernet trained the candidates of each choice", columns, rows)


def choice_names(candidates: Sequence[str]) -> list[str]:
    """Return what the choices of a space decide, of one candidate each, as ``stage2 block 0``."""
    shape = [text.partition(":")[0] for text in candidates if ":" in text]
    return [*shape, *(f"block {i}" for i in range(len(candidates) - len(shape)))]


def shrinking_table(events: Sequence[ShrinkingEvent]) -> Table:
    """Return how every event shrank the space."""
    rows = tuple(
        (
            str(event.epoch),
            sum(event.sizes_before),
            sum(event.sizes_after),
            f"{event.genotypes_before:.2e}",
            f"{event.genotypes_after:.2e}",
        )
        for event in events
    )
    columns = ("Epochs done", "Candidates before", "after", "Genotypes before", "after")
    return Table("Events that shrank the space", columns, rows)


Fates = dict[str, dict[int, tuple[int, Verdict]]]


def candidate_fates(events: Sequence[ShrinkingEvent]) -> tuple[list[str], Fates]:
    """Return all choices, and by candidate and choice its last verdict after the epochs done."""
    fates: Fates = {}
    one_of_each: dict[int, str] = {}
    for event in events:
        for verdict in event.candidates:
            fates.setdefault(verdict.candidate, {})[verdict.block] = event.epoch, verdict
            one_of_each.setdefault(verdict.block, verdict.candidate)
    return choice_names([one_of_each[i] for i in sorted(one_of_each)]), fates


def clips_table(data: DataSummary) -> Table:
    """Return the clips of each label by role, and all of them."""
    rows: list[tuple[Cell, ...]] = [
        (label, *(counts[i] for counts in data.counts.values()))
        for i, label in enumerate(data.labels)
    ]
    rows.append(("all", *map(sum, data.counts.values())))
    return Table(
        "Clips of each label by role: train fits, search-val steers the search, test is used once",
        ("Label", *(role.replace("_", "-") for role in data.counts)),
        tuple(rows),
    )


def check_table(check: Report) -> Table:
    """Return the checks that found something."""
    rows = tuple(
        (name, count.errors, count.warnings)
        for name, count in check.counts.items()
        if count.errors or count.warnings
    )
    caption = f"{check.clips:,} clips: {check.errors} errors, {check.warnings} warnings"
    return Table(caption, ("Check", "Errors", "Warnings"), rows)


def versions_table(report: RunReport) -> Table:
    """Return the versions of what the report was made with."""
    rows = tuple(report.versions.items())
    return Table("Versions that made this report", ("What", "Version"), rows)
