"""The whole page: one HTML file that needs no network and asks for nothing from it."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from asc_nas.core.errors import quoted
from asc_nas.core.pages import colours, csp_hash
from asc_nas.evaluation.result import Result
from asc_nas.evaluation.scores import told_of_absent, told_of_clips
from asc_nas.report import page_tables, tables
from asc_nas.report.clips import SECONDS, data_uri
from asc_nas.report.drawing import draw
from asc_nas.report.interactive import Plot, pareto_plot, ranking_plot, search_plot, training_plot
from asc_nas.report.run_report import RunReport
from asc_nas.search.objectives import SCORES

SECTIONS = {
    "pareto": "Networks",
    "training": "Training",
    "shrinking": "Shrinking",
    "search": "Search",
    "ranking": "Ranking",
    "adapted": "Recording devices",
    "data": "Data",
    "mistakes": "Worst mistakes",
    "settings": "Settings and versions",
}
"""Sections by their templates; one with nothing to show is left out."""
PARTS = SECTIONS | {
    "best": "Best network",
    "pareto": "Pareto set",
    "training": "Training of the supernet",
    "trained": "Trained networks",
    "drawings": "Drawings of networks",
    "features": "Features",
    "updates": "Updates of the candidates",
    "check": "Check of the recordings",
    "intervals": "Intervals of earlier results",
}
"""What may be missing, and how the page calls it."""


def page(report: RunReport) -> str:
    """Return the report as HTML.

    Styles, scripts (Plotly's among them), pictures and recordings stand in the file. Its content
    security policy lets no other script run than the two of this page, known by their hashes, and
    lets nothing be fetched: a label that holds markup stays text even if it were not escaped.
    """
    assets = files("asc_nas.report") / "assets"
    template = environment().get_template("page.html")
    drawn, left_out = plots(report), _left_out(report)
    return template.render(
        report=report,
        summary=_summary(report),
        plots=drawn,
        sections={name: title for name, title in SECTIONS.items() if shows(report, drawn, name)},
        left_out=left_out,
        damaged=any(reason.startswith("Left out") for reason in left_out.values()),
        style=colours() + (assets / "style.css").read_text(encoding="utf-8"),
        scripts=[get_plotlyjs(), (assets / "report.js").read_text(encoding="utf-8")],
    )


@cache
def environment() -> Environment:
    """Return what renders the templates.

    All text is escaped but what a template calls safe: the drawings, and the assets of the package.
    JSON is made so that no text in it can end its script, and a loss that is not finite is null.
    """
    made = Environment(
        loader=PackageLoader("asc_nas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"cls": PlotlyJSONEncoder, "separators": (",", ":")}
    made.filters.update(
        csp_hash=csp_hash, data_uri=data_uri, capital=_capital, quote=quoted, show=tables.show
    )
    made.globals.update(
        CLIP_SECONDS=SECONDS,
        SCORES=SCORES,
        MACRO_F1=Markup('<span class="whole">macro-F1</span>'),  # not broken at its hyphen
        draw=draw,
        tables=tables,
        page_tables=page_tables,
        told_of_absent=told_of_absent,
        told_of_clips=told_of_clips,
        with_interval=with_interval,
    )
    return made


def plots(report: RunReport) -> dict[str, Plot]:
    """Return the interactive plots of what there is, each by its place's id."""
    found = {}
    if len(report.networks) + len(report.candidates) > 1:
        found["pareto"] = pareto_plot(report)
    if report.curves:
        found["training"] = training_plot(report)
    if report.generations:
        found["search"] = search_plot(report)
    if report.ranking is not None:
        found["ranking"] = ranking_plot(report.ranking, report.ranking_score)
    return found


def shows(report: RunReport, drawn: dict[str, Plot], section: str) -> bool:
    """Return whether there is anything to show in a section."""
    known = {
        "pareto": report.networks,
        "adapted": report.adapted,
        "shrinking": report.shrinking is not None and report.shrinking.events,
        "data": report.data or report.check,
        "mistakes": report.mistakes and report.mistakes.shown,
        "settings": True,
    }
    return bool(known.get(section, section in drawn))


def _left_out(report: RunReport) -> dict[str, str]:
    """Return what the page does not show, by its title, and why."""
    found = {PARTS.get(part, part): reason for part, reason in report.missing.items()}
    if report.mistakes and not report.mistakes.shown:
        found[SECTIONS["mistakes"]] = f"All {report.mistakes.clips} test clips are right."
    return found


def with_interval(result: Result, score: str) -> str:
    """Return a score on test with its 95 % interval, if that is known."""
    value, within = f"{getattr(result, score):.3f}", result.interval(score)
    return value if within is None else f"{value} ({within[0]:.3f} to {within[1]:.3f})"


def _capital(text: str) -> str:
    """Return a name with a capital where a line begins; macro-F1 stays as it is."""
    return text if "-" in text else text.capitalize()


def _summary(report: RunReport) -> str:
    """Return what was found in a sentence or two."""
    told = []
    if report.data is not None:
        clips = sum(map(sum, report.data.counts.values()))
        told.append(f"{report.data.name}: {clips:,} clips of {len(report.data.labels)} classes.")
    if report.members:
        macs = [network.macs / 1e6 for network in report.members]
        told.append(
            f"{len(macs)} networks in the Pareto set, {min(macs):.2f} to {max(macs):.2f} M MACs."
        )
    if report.trained:
        scores = [network.test(report.score) or 0.0 for network in report.trained]
        low, high = f"{min(scores):.3f}", f"{max(scores):.3f}"
        between = low if low == high else f"{low} to {high}"
        told.append(
            f"{len(scores)} trained from scratch: {SCORES[report.score]} on test {between}."
        )
        absent = report.trained[0].results[0].absent
        told += [f"Note: {told_of_absent(absent)}"] * bool(absent)
    return " ".join(told) or "Nothing was computed in this run yet."
