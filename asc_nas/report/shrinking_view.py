"""How the space shrank, from ``shrinking.json``."""

from collections.abc import Sequence

from asc_nas.report.markup import Markup, captioned, tag, text
from asc_nas.report.tables import Table, show
from asc_nas.search.shrinking_log import ShrinkingEvent, Verdict


def shrinking_view(events: Sequence[ShrinkingEvent]) -> Markup:
    """Return the events, and for every candidate of every block when it was turned off."""
    return text(_events(events).to_html(), _candidates(events))


def _events(events: Sequence[ShrinkingEvent]) -> Table:
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


def _candidates(events: Sequence[ShrinkingEvent]) -> Markup:
    """Return a table of candidates (rows) by blocks: the epoch of turning off, or a dot."""
    fate: dict[tuple[str, int], tuple[Verdict, int]] = {}
    for event in events:
        for verdict in event.candidates:
            fate[verdict.candidate, verdict.block] = verdict, event.epoch
    names = list(dict.fromkeys(name for name, _ in fate))
    blocks = sorted({block for _, block in fate})
    head = [tag("th", f"block {block}", scope="col") for block in blocks]
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            *(_cell(fate.get((name, block))) for block in blocks),
        )
        for name in names
    ]
    caption = (
        "What became of every candidate of every block: a dot for one that stayed, otherwise the "
        "epoch after which it was turned off. A ringed dot stayed because the limits need it."
    )
    top = tag("thead", tag("tr", tag("th", "Candidate", scope="col"), *head))
    table = tag("table", top, tag("tbody", *rows), class_="fates")
    return captioned(caption, table, classes="scroll tall")


def _cell(fate: tuple[Verdict, int] | None) -> Markup:
    if fate is None:
        return tag("td")
    verdict, epoch = fate
    told = (
        f"{verdict.candidate} in block {verdict.block}: score {show(verdict.score)}, "
        f"rank {verdict.rank}, {verdict.samples} samples"
    )
    if verdict.kept:
        return tag("td", "◉" if verdict.protected else "●", class_="kept", title=told)
    return tag("td", str(epoch), class_="off", title=told)
