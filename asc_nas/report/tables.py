"""Tables of a report, which the page shows and papers take as CSV or LaTeX."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from asc_nas.evaluation.gain import Adapted
from asc_nas.report.run_report import Network, RunReport
from asc_nas.search.objectives import SCORES
from asc_nas.search.ranking import Ranking

Cell = str | int | float | None

_COSTS = {
    "macs": "MACs",
    "params": "Parameters",
    "ram_bytes": "RAM, bytes",
    "latency_ms": "Latency, ms",
}
"""Columns of the costs."""
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
} | {character: "\\" + character for character in "&%$#_{}"}


@dataclass(frozen=True)
class Table:
    """Rows under column titles; a float is shown with three decimals, None as a dash."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def known(self) -> "Table":
        """Return the table without the columns in which nothing is known."""
        places = range(len(self.columns))
        kept = [i for i in places if any(row[i] is not None for row in self.rows)]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return Table(self.caption, tuple(self.columns[i] for i in kept), rows)

    @property
    def numeric(self) -> list[bool]:
        """Whether a column holds numbers only, for all columns."""
        places = range(len(self.columns))
        return [all(not isinstance(row[i], str) for row in self.rows) for i in places]

    def to_csv(self) -> str:
        """Return comma-separated values with a header; numbers in full, None empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()

    def to_latex(self) -> str:
        """Return a ``tabular`` with the rules of the package booktabs."""
        lines = [
            "% needs \\usepackage{booktabs}",
            f"% {' '.join(self.caption.split())}",
            f"\\begin{{tabular}}{{{''.join('r' if n else 'l' for n in self.numeric)}}}",
            "\\toprule",
            _latex_row(self.columns),
            "\\midrule",
            *(_latex_row([show(value) for value in row]) for row in self.rows),
            "\\bottomrule",
            "\\end{tabular}",
        ]
        return "\n".join(lines) + "\n"


def show(value: Cell) -> str:
    """Return a cell's text for people."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else value


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex(cell) for cell in cells) + r" \\"


def _latex(text: str) -> str:
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return re.sub(r"\s+", " ", escaped).replace("–", "--")


def network_table(report: RunReport) -> Table:
    """Return cost and scores of all networks, the best in the search first."""
    score, title = report.score, SCORES[report.score]
    searched = report.search_scores
    rows = [
        (
            network.name,
            *(network.on_search_val(name) for name in searched),
            *(network.test(score), *(network.interval(score) or (None, None))),
            network.spread(score),
            *(network.test(name) for name in report.test_scores[1:]),
            len(network.results) or None,
            *(getattr(network, name) for name in _COSTS),
            network.genotype,
        )
        for network in report.ranked
    ]
    columns = (
        "Network",
        *(f"Search {SCORES[name]}" for name in searched),
        *(f"Test {title}", "low", "high", f"s.d. of {title}"),
        *(f"Test {SCORES[name]}" for name in report.test_scores[1:]),
        "Seeds",
        *_COSTS.values(),
        "Genotype",
    )
    caption = [
        f"Networks by {title}, the best in the search first:" * bool(report.members),
        f"scores in the search ({report.judged});" * bool(report.members),
        "scores on test after training from scratch, mean over seeds, with the 95 % interval "
        "(low, high) of one seed or the standard deviation (s.d.) of several; cost of one example",
    ]
    text = " ".join(filter(None, caption))
    return Table(text[0].upper() + text[1:], columns, tuple(rows)).known()


def class_table(networks: Sequence[Network]) -> Table:
    """Return the F1 of every class (rows) by trained network, mean over its seeds."""
    labels = networks[0].results[0].labels
    rows = tuple((label, *(_class_f1(network, label) for network in networks)) for label in labels)
    columns = ("Class", *(network.title for network in networks))
    return Table("F1 of every class on test, mean over seeds", columns, rows)


def _class_f1(network: Network, label: str) -> float | None:
    values = [result.per_class.get(label) for result in network.results]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def adapted_table(adapted: Sequence[Adapted]) -> Table:
    """Return the accuracy on the test clips of each recording device, with and without adapting."""
    rows: list[tuple[Cell, ...]] = []
    for gain in adapted:
        for name, heard, found in gain.rows:
            accuracies: list[Cell] = []
            for accuracy, interval in (
                (found.general, found.general_interval),
                (found.adapted, found.adapted_interval),
            ):
                accuracies += [accuracy, *(interval or (None, None))]
            rows.append((gain.network, str(gain.seed), name, heard, found.clips, *accuracies))
    columns = ("Network", "Seed", "Recorder", "Training", "Clips", "General", "low", "high")
    return Table(
        "Accuracy on the test clips of each recording device: of the general network, and with a "
        "network adapted to the device (none: the general one answers); 95 % intervals (low, high)",
        (*columns, "Adapted", "low", "high"),
        tuple(rows),
    )


def ranking_table(ranking: Ranking) -> Table:
    """Return Kendall's tau of every predictor in ``rank.json`` with its 95 % interval."""
    rows = []
    for row in ranking.agreement:
        cells: list[Cell] = [row.title]
        for found in (row.macro_f1, row.log_loss):
            cells += [found.tau, found.low, found.high]
        rows.append((*cells, row.regret))
    columns = ["Predictor"]
    for truth in ("macro-F1", "log loss"):
        columns += [f"tau, {truth}", "low", "high"]
    return Table(
        "Kendall's tau between a predictor and stand-alone training, with 95 % intervals",
        (*columns, "Regret"),
        tuple(rows),
    )


def search_table(report: RunReport) -> Table:
    """Return the search generation by generation."""
    rows = tuple(
        (str(g.number), g.evaluated, g.best, g.median, g.hypervolume) for g in report.generations
    )
    columns = (
        "Generation",
        "Genotypes so far",
        f"Best {SCORES[report.score]}",
        "Median",
        "Hypervolume",
    )
    return Table("The search, generation by generation", columns, rows)


def all_tables(report: RunReport) -> dict[str, Table]:
    """Return the tables that the report's folder gets, by file name."""
    tables = {}
    if report.networks:
        tables["networks"] = network_table(report)
    if report.trained:
        tables["per_class"] = class_table(report.trained)
    if report.generations:
        tables["search"] = search_table(report)
    if report.adapted:
        tables["adapted"] = adapted_table(report.adapted)
    if report.ranking is not None:
        tables["ranking"] = ranking_table(report.ranking)
    return tables
