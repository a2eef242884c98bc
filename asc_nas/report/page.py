"""The whole page: one HTML file that needs no network and asks for nothing from it."""

import base64
import hashlib
from importlib.resources import files

from plotly.offline import get_plotlyjs

from asc_nas.report.interactive import Plot, pareto_plot, ranking_plot, search_plot, training_plot
from asc_nas.report.markup import Markup, json_script, tag, text
from asc_nas.report.run_report import RunReport
from asc_nas.report.sections import all_sections


def page(report: RunReport) -> str:
    """Return the report as HTML.

    Styles, scripts (Plotly's among them), pictures and recordings stand in the file. Its content
    security policy lets no other script run than the two of this page, known by their hashes, and
    lets nothing be fetched: a label that holds markup stays text even if it were not escaped.
    """
    assets = files("asc_nas.report") / "assets"
    scripts = [get_plotlyjs(), (assets / "report.js").read_text(encoding="utf-8")]
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; media-src data:; "
        f"script-src {' '.join(_hash(script) for script in scripts)}; base-uri 'none'; "
        "form-action 'none'"
    )
    sections = all_sections(report)
    links = [tag("a", title, href=f"#{identity}") for identity, (title, _) in sections.items()]
    body = [
        tag("section", tag("h2", title), content, id=identity)
        for identity, (title, content) in sections.items()
    ]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{report.name}: asc-nas report"),
        tag("style", Markup((assets / "style.css").read_text(encoding="utf-8"))),
        # Without scripts all networks are shown; the tables hold what the plots show.
        tag("noscript", tag("style", Markup("article[hidden]{display:block}.plot{display:none}"))),
    )
    content = tag(
        "body",
        tag("header", tag("h1", report.name), _summary(report), tag("nav", *links)),
        tag("main", *body),
        json_script("plots", plots(report)),
        *(tag("script", Markup(script)) for script in scripts),
    )
    return text(Markup("<!DOCTYPE html>\n"), tag("html", head, content, lang="en"), Markup("\n"))


def _hash(script: str) -> str:
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


def _summary(report: RunReport) -> Markup:
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
    return tag("p", " ".join(told) or "Nothing was computed in this run yet.", class_="lead")
