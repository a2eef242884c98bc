"""The whole page: one HTML file that needs no network and asks for nothing from it."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from asc_nas.core.errors import quoted
from asc_nas.evaluation.scores import told_of_absent, told_of_clips
from asc_nas.report import page_tables, tables
from asc_nas.report.clips import SECONDS, data_uri
from asc_nas.report.drawing import draw
from asc_nas.report.interactive import Plot, pareto_plot, ranking_plot, search_plot, training_plot
from asc_nas.report.run_report import RunReport
from asc_nas.search.objectives import SCORES


def page(report: RunReport) -> str:
    """Return the report as HTML.

    Styles, scripts (Plotly's among them), pictures and recordings stand in the file. Its content
    security policy lets no other script run than the two of this page, known by their hashes, and
    lets nothing be fetched: a label that holds markup stays text even if it were not escaped.
    """
    assets = files("asc_nas.report") / "assets"
    template = environment().get_template("page.html")
    return template.render(
        report=report,
        summary=_summary(report),
        plots=plots(report),
        style=(assets / "style.css").read_text(encoding="utf-8"),
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
    made.filters.update(csp_hash=_csp_hash, data_uri=data_uri, quote=quoted, show=tables.show)
    made.globals.update(
        CLIP_SECONDS=SECONDS,
        SCORES=SCORES,
        draw=draw,
        tables=tables,
        page_tables=page_tables,
        told_of_absent=told_of_absent,
        told_of_clips=told_of_clips,
    )
    return made


def _csp_hash(script: str) -> str:
    """Return how a content security policy names a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def plots(report: RunReport) -> dict[str, Plot]:
    """Return the interactive plots of what there is, each by its place's id."""
    found = {}
    if report.networks:
        found["pareto"] = pareto_plot(report)
    if report.curves:
        found["training"] = training_plot(report)
    if report.generations:
        found["search"] = search_plot(report)
    if report.ranking is not None:
        found["ranking"] = ranking_plot(report.ranking)
    return found


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
        scores = [network.test("macro_f1") or 0.0 for network in report.trained]
        told.append(
            f"{len(scores)} trained from scratch: macro-F1 on test {min(scores):.3f} to "
            f"{max(scores):.3f}."
        )
        absent = report.trained[0].results[0].absent
        told += [f"Note: {told_of_absent(absent)}"] * bool(absent)
    return " ".join(told) or "Nothing was computed in this run yet."
