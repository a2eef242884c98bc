"""The sections of the page, in the order of a run."""

from asc_nas.report.markup import Markup, Node, tag, text
from asc_nas.report.mistakes_view import mistakes_view
from asc_nas.report.network_panel import network_list, network_panel
from asc_nas.report.run_report import RunReport
from asc_nas.report.shrinking_view import shrinking_view
from asc_nas.report.tables import Cell, Table, network_table, ranking_table, search_table

FINDINGS = 50
"""Findings of the data check that are shown at most."""


def all_sections(report: RunReport) -> dict[str, tuple[str, Markup]]:
    """Return title and content of every section by its id; what is missing says so."""
    sections = {
        "pareto": ("Pareto front", _pareto(report)),
        "training": ("Training", _training(report)),
        "shrinking": ("Shrinking", _shrinking(report)),
        "search": ("Search", _search(report)),
        "ranking": ("Ranking", _ranking(report)),
        "data": ("Data", _data(report)),
        "mistakes": ("Worst mistakes", _mistakes(report)),
        "settings": ("Settings and versions", _settings(report)),
    }
    return sections


def _plot(identity: str, described: str, *caption: Node) -> Markup:
    """Return the place of an interactive plot, with what it shows in words."""
    place = tag("div", id=f"plot-{identity}", class_="plot", role="img", aria_label=described)
    return tag("figure", place, tag("figcaption", *caption))


def _note(report: RunReport, part: str) -> Markup:
    return tag("p", report.missing.get(part, "Nothing here."), class_="note")


def _pareto(report: RunReport) -> Markup:
    if not report.networks:
        return _note(report, "pareto")
    choices = [("macs", "MACs"), ("params", "parameters"), ("latency_ms", "latency")]
    options = [tag("option", title, value=name) for name, title in choices]
    described = (
        f"macro-F1 against cost: {len(report.candidates)} evaluated genotypes, "
        f"{len(report.members)} members of the Pareto set, {len(report.trained)} trained networks"
    )
    caption = (
        "Choose a point, or a network in the table, to see its layers and scores. Round points are "
        "scored with the supernet's weights on search-val, the others on test after training from "
        "scratch: compare only like with like."
    )
    panels = [network_panel(report, network, i) for i, network in enumerate(report.networks)]
    return text(
        _note(report, "pareto") if "pareto" in report.missing else None,
        _note(report, "trained") if "trained" in report.missing else None,
        tag("p", tag("label", "Cost: ", tag("select", *options, id="cost")), class_="controls"),
        _plot("pareto", described, caption),
        tag("div", *panels, id="network", class_="panel", aria_live="polite"),
        network_list(report.networks, network_table(report)),
    )


def _training(report: RunReport) -> Markup:
    if not report.curves:
        return _note(report, "training")
    described = f"Training loss by epoch of {', '.join(report.curves)}"
    return text(
        _note(report, "training") if "training" in report.missing else None,
        _plot(
            "training",
            described,
            "Loss of the training clips by epoch, with mixup and label smoothing where the "
            "settings have them; the supernet's is the mean over its passes.",
        ),
        _updates(report),
    )


def _updates(report: RunReport) -> Markup | None:
    if report.updates is None:
        return None
    rows = tuple(
        (f"{i}", len(block.updates), block.min, block.max)
        for i, block in enumerate(report.updates.blocks)
    )
    table = Table(
        "How often the supernet trained the candidates of each block",
        ("Block", "Candidates", "Fewest updates", "Most updates"),
        rows,
    )
    return tag("details", tag("summary", "Updates of the candidates"), table.to_html())


def _shrinking(report: RunReport) -> Markup:
    if report.shrinking is None or not report.shrinking.events:
        return _note(report, "shrinking")
    return shrinking_view(report.shrinking.events)


def _search(report: RunReport) -> Markup:
    if not report.generations:
        return _note(report, "search")
    last = report.generations[-1]
    described = (
        f"{len(report.generations)} generations: hypervolume from "
        f"{report.generations[0].hypervolume:.3f} to {last.hypervolume:.3f}"
    )
    table = search_table(report)
    sought = [f"{o.name} ({o.sense}, weight {o.weight:g})" for o in report.objectives]
    return text(
        tag(
            "p",
            f"{last.evaluated:,} distinct genotypes in {last.number} generations; objectives: "
            f"{', '.join(sought)}.",
        ),
        _plot(
            "search",
            described,
            "Hypervolume: share of the box between the ideal (score 1, no cost) and the worst "
            "value found that is dominated by what was found so far. "
            "macro-F1 with the supernet's weights on search-val.",
        ),
        tag("details", tag("summary", "All generations"), table.to_html()),
    )


def _ranking(report: RunReport) -> Markup:
    if report.ranking is None:
        return _note(report, "ranking")
    count, repeats = len(report.ranking.networks), report.ranking.repeats
    described = f"Supernet scores of {count} networks against their scores when trained alone"
    return text(
        _plot(
            "ranking",
            described,
            f"{count} networks, each trained alone with {repeats} seeds (bars: all seeds), all on "
            "search-val.",
        ),
        ranking_table(report.ranking).to_html(),
    )


def _data(report: RunReport) -> Markup:
    return text(_clips(report), tag("h3", "Check of the recordings"), _check(report))


def _clips(report: RunReport) -> Markup:
    data = report.data
    if data is None:
        return _note(report, "data")
    roles = list(data.counts)
    rows: list[tuple[Cell, ...]] = [
        (label, *(data.counts[role][i] for role in roles)) for i, label in enumerate(data.labels)
    ]
    rows.append(("all", *(sum(data.counts[role]) for role in roles)))
    table = Table(
        "Clips of each label by role: train fits, search-val steers the search, test is used once",
        ("Label", *(role.replace("_", "-") for role in roles)),
        tuple(rows),
    )
    groups = ", ".join(f"{role.replace('_', '-')} {n:,}" for role, n in data.groups.items())
    devices = ", ".join(f"{device} {n:,}" for device, n in data.devices.items())
    left_out = [tag("li", f"{key}: {reason}") for key, reason in data.left_out.items()]
    return text(
        tag("p", f"{data.name}, licence: {data.licence}."),
        table.to_html(),
        tag("p", f"Recording sessions or locations (never on both sides of a split): {groups}.")
        if groups
        else None,
        tag("p", f"Clips by device: {devices}.") if devices else None,
        tag("p", "Left out, because they could not be read:") if left_out else None,
        tag("ul", *left_out[:FINDINGS]) if left_out else None,
    )


def _check(report: RunReport) -> Markup:
    check = report.check
    if check is None:
        return _note(report, "check")
    rows = tuple(
        (name, count.errors, count.warnings)
        for name, count in check.counts.items()
        if count.errors or count.warnings
    )
    if not rows:
        return tag("p", f"{len(check.counts)} checks of {check.clips:,} clips: no findings.")
    found = check.findings
    items = [tag("li", f"{f.severity}: {f.check}: {f.message}") for f in found[:FINDINGS]]
    more = f"... and {len(found) - FINDINGS} more." if len(found) > FINDINGS else None
    caption = f"{check.clips:,} clips: {check.errors} errors, {check.warnings} warnings"
    return text(
        Table(caption, ("Check", "Errors", "Warnings"), rows).to_html(),
        tag("ul", *items) if items else None,
        tag("p", more) if more else None,
    )


def _mistakes(report: RunReport) -> Markup:
    if report.mistakes is None:
        return _note(report, "mistakes")
    return mistakes_view(report.mistakes)


def _settings(report: RunReport) -> Markup:
    rows = tuple((name, version) for name, version in report.versions.items())
    return text(
        Table("Versions that made this report", ("What", "Version"), rows).to_html(),
        tag(
            "details",
            tag("summary", "All settings of the run (config.yaml)"),
            tag("pre", tag("code", report.settings), tabindex="0"),
        ),
    )
