"""Tables of networks for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from asc_nas.search.objectives import Evaluation


def print_pareto(members: "Sequence[Evaluation]") -> None:
    """Print the Pareto set: scores with the supernet's weights on search-val."""
    table = Table("Id", "macro-F1", "MACs", "Parameters", "Genotype", box=None, header_style="bold")
    for i, member in enumerate(members):
        table.add_row(
            str(i),
            f"{member.macro_f1:.3f}",
            _millions(member.macs),
            f"{member.params:,}",
            str(member.genotype),
        )
    print("\nPareto set (scores of the supernet's weights on search-val)")
    _print(table)


def print_results(results: Sequence[dict[str, Any]]) -> None:
    """Print networks trained from scratch: scores on test with the last epoch's weights."""
    columns = ("Network", "Accuracy", "macro-F1", "MACs", "Parameters", "Genotype")
    table = Table(*columns, box=None, header_style="bold")
    for result in results:
        table.add_row(
            result["network"],
            f"{result['accuracy']:.3f}",
            f"{result['macro_f1']:.3f}",
            _millions(result["macs"]),
            f"{result['params']:,}",
            result["genotype"],
        )
    data, clips = results[0]["data"], results[0]["test_clips"]
    print(f"\nTrained from scratch, tested once on {clips} test clips of {data}")
    _print(table)


def _millions(value: int) -> str:
    return f"{value / 1e6:.2f} M"


def _print(table: Table) -> None:
    console = Console()
    # A genotype stays on one line where output is piped, so that it can be copied.
    console.print(table, soft_wrap=not console.is_terminal)
