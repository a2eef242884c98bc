"""Writing a report: the page, and beside it the main plots and tables for papers."""

from pathlib import Path

from asc_nas.core.files import write_text
from asc_nas.report.figures import all_figures, write_figure
from asc_nas.report.page import page
from asc_nas.report.run_report import RunReport
from asc_nas.report.tables import all_tables


def write_report(report: RunReport, folder: Path) -> list[Path]:
    """Write ``report.html``, figures (PNG, PDF) and tables (CSV, LaTeX); return all, page first."""
    written = [folder / "report.html"]
    write_text(written[0], page(report))
    for name, figure in all_figures(report).items():
        written += write_figure(figure, folder / name)
    for name, table in all_tables(report).items():
        for suffix, content in ((".csv", table.to_csv()), (".tex", table.to_latex())):
            written.append(folder / f"{name}{suffix}")
            write_text(written[-1], content)
    return written
