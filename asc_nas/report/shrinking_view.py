"""How the space shrank, from ``shrinking.json``."""

from typing import Any

from asc_nas.report.markup import Markup, captioned, tag, text
from asc_nas.report.tables import Table, show


def shrinking_view(document: dict[str, Any]) -> Markup:
    """Return the events, and for every candidate of every block when it was turned off."""
    events = document["events"]
    return text(_events(events).to_html(), _candidates(events))


def _events(events: list[dict[str, Any]]) -> Table:
    rows = tuple(
        (
            str(event["epoch"]),
            sum(event["sizes_before"]),
            sum(event["sizes_after"]),
            f"{event['genotypes_before']:.2e}",
            f"{event['genotypes_after']:.2e}",
        )
        for event in events
    )
    columns = ("Epochs done", "Candidates before", "after", "Genotypes before", "after")
    return Table("Events that shrank the space", columns, rows)


def _candidates(events: list[dict[str, Any]]) -> Markup:
    """Return a table of candidates (rows) by blocks: the epoch of turning off, or a dot."""
    fate: dict[tuple[str, int], dict[str, Any]] = {}
    for event in events:
        for verdict in event["candidates"]:
            key = verdict["candidate"], verdict["block"]
            fate[key] = verdict | {"epoch": event["epoch"]}
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


def _cell(verdict: dict[str, Any] | None) -> Markup:
    if verdict is None:
        return tag("td")
    told = (
        f"{verdict['candidate']} in block {verdict['block']}: score {show(verdict['score'])}, "
        f"rank {verdict['rank']}, {verdict['samples']} samples"
    )
    if verdict["kept"]:
        return tag("td", "◉" if verdict["protected"] else "●", class_="kept", title=told)
    return tag("td", str(verdict["epoch"]), class_="off", title=told)
