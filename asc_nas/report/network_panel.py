"""What is shown of one network: drawing, scores, confusion matrix and commands."""

import shlex

from asc_nas.report.drawing import LEGEND, draw
from asc_nas.report.markup import Markup, captioned, tag, text
from asc_nas.report.run_report import Network, RunReport
from asc_nas.report.tables import Table, show
from asc_nas.search.objectives import SCORES


def network_panel(report: RunReport, network: Network, position: int) -> Markup:
    """Return the article of a network; the page shows one of them at a time."""
    if network.spec is None:
        drawing = tag("p", "Not drawn: ", report.missing.get("drawings", "its layers are unknown."))
    else:
        labels = len(report.data.labels) if report.data else network.spec.head.out_channels
        drawing = text(draw(network.spec, labels), tag("p", LEGEND, class_="caption"))
    about = [
        tag("p", tag("code", network.genotype, class_="genotype")),
        _facts(report, network),
        *_scores(network),
        _commands(report, network),
    ]
    return tag(
        "article",
        tag("h3", network.title, tabindex="-1"),
        tag("div", tag("div", drawing, class_="drawing"), tag("div", *about), class_="columns"),
        id=f"network-{position}",
        hidden=True,
    )


def _facts(report: RunReport, network: Network) -> Markup:
    facts = {
        "MACs of one example": f"{network.macs:,}",
        "Parameters": f"{network.params:,}",
        "Latency": "not measured" if network.latency_ms is None else f"{network.latency_ms:.3f} ms",
    }
    if network.is_member:
        for name in report.supernet_scores:
            title = f"{SCORES[name]}, supernet's weights, search-val"
            facts[title] = show(network.on_search_val(name))
    for result in network.results:
        facts[f"Test, seed {result.seed}"] = (
            f"accuracy {result.accuracy:.3f}, macro-F1 {result.macro_f1:.3f}"
        )
    items = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()]
    return tag("dl", *items)


def _scores(network: Network) -> list[Markup]:
    if not network.results:
        return [tag("p", "Not trained from scratch: no scores on test yet.", class_="note")]
    result = network.results[0]
    seed = f"seed {result.seed}"
    return [
        tag("h4", f"F1 of every class on test, {seed}"),
        _bars(result.per_class),
        tag("h4", f"Confusion matrix on test, {seed}"),
        confusion_matrix(result.labels, result.confusion),
    ]


def _bars(per_class: dict[str, float]) -> Markup:
    """Return a table whose numbers are also drawn as bars."""
    rows = [
        tag(
            "tr",
            tag("th", label, scope="row"),
            tag("td", f"{f1:.3f}", class_="number"),
            tag(
                "td", tag("span", style=f"width:{100 * f1:.1f}%"), class_="bar", aria_hidden="true"
            ),
        )
        for label, f1 in per_class.items()
    ]
    return tag("table", tag("tbody", *rows), class_="bars")


def confusion_matrix(labels: list[str], counts: list[list[int]]) -> Markup:
    """Return the counts, true label by decided label, each cell shaded by its share of the row.

    The columns have numbers, which stand before the labels of the rows.
    """
    numbers = [tag("th", str(i), scope="col", title=label) for i, label in enumerate(labels, 1)]
    rows = []
    for i, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = max(1, sum(row))
        cells = [
            tag(
                "td",
                str(count) if count else "",
                class_="hit" if i == j else "miss",
                style=f"--share:{count / total:.3f}",
                title=f"{label} taken for {labels[j]}: {count}",
            )
            for j, count in enumerate(row)
        ]
        rows.append(tag("tr", tag("th", f"{i + 1} {label}", scope="row"), *cells))
    head = tag("thead", tag("tr", tag("td"), *numbers))
    table = tag("table", head, tag("tbody", *rows), class_="confusion")
    return captioned("Rows: true label. Columns: decided label, by its number.", table)


def _commands(report: RunReport, network: Network) -> Markup:
    root = shlex.quote(report.root)
    name = shlex.quote(network.argument)
    lines = [f"asc-nas train {root} {name}", f"asc-nas export {root} {name}"]
    lines += [
        f"asc-nas classify FILE --model {shlex.quote(f'{report.root}/{model}')}"
        for model in network.models
    ]
    return text(
        tag("h4", "Train again, export, use"),
        tag("pre", tag("code", "\n".join(lines)), tabindex="0"),
    )


def network_list(networks: tuple[Network, ...], table: Table) -> Markup:
    """Return the table of networks, with a button in each row that shows the network."""
    buttons = [
        tag(
            "button",
            network.name,
            type="button",
            data_network=position,
            aria_controls=f"network-{position}",
            title=f"Show {network.title}",
        )
        for position, network in enumerate(networks)
    ]
    return table.to_html(buttons)
