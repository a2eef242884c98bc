"""Tables of networks for people."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from asc_nas.cli.output.text import shown
from asc_nas.core.errors import quoted
from asc_nas.core.units import UNKNOWN, kilobytes, millions, milliseconds
from asc_nas.evaluation.parts import TOLD_OF_SEEN
from asc_nas.evaluation.scores import told_of_absent, told_of_clips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asc_nas.evaluation.gain import Adapted
    from asc_nas.evaluation.parts import Part, ScoreReport
    from asc_nas.evaluation.result import Results
    from asc_nas.report.best import BestNetwork
    from asc_nas.run.crossval_summary import Crossval, Difference
    from asc_nas.run.networks import Pareto


def _judged(members: "Pareto") -> str:
    """Return how the scores of a Pareto set came about."""
    if members.judge == "training":
        return "scores of trainings alone, on clips that they have not seen"
    if members.folds == 1:
        return "scores of the supernet's weights on search-val"
    return "scores of the supernets' weights, each on the part that it has not seen"


def print_pareto(members: "Pareto") -> None:
    """Print the Pareto set with its scores in the search.

    Macro-F1 always, and before it the score that was searched for, if it is another.
    """
    from asc_nas.search.objectives import SCORES, leading_score

    scores = dict.fromkeys([leading_score(members.objectives).name, "macro_f1"])
    titles = [SCORES[name] for name in scores]
    columns = ("Id", *titles, "MACs", "Parameters", "RAM", "Latency", "Genotype")
    rows = [
        (
            str(i),
            *(f"{getattr(member, name):.3f}" for name in scores),
            millions(member.macs),
            f"{member.params:,}",
            kilobytes(member.ram_bytes),
            milliseconds(member.latency_ms),
            str(member.genotype),
        )
        for i, member in enumerate(members)
    ]
    print(f"\nPareto set ({_judged(members)})")
    print_table(_known(columns, rows))


def print_results(results: "Results") -> None:
    """Print networks trained from scratch: scores on test with the last epoch's weights."""
    scores = ("Accuracy", "macro-F1", "MACs", "Parameters", "RAM", "Latency")
    rows = [
        (
            result.network,
            str(result.seed),
            f"{result.accuracy:.3f}",
            f"{result.macro_f1:.3f}",
            millions(result.macs),
            f"{result.params:,}",
            kilobytes(result.ram_bytes),
            milliseconds(result.latency_ms),
            result.genotype,
        )
        for result in results
    ]
    first = results[0]
    clips = told_of_clips(first.test_clips, first.test_clips_left_out)
    print(f"\nTrained from scratch, tested once on {clips} of {shown(first.data)}")
    print_table(_known(("Network", "Seed", *scores, "Genotype"), rows))
    if first.absent:
        print(f"note: {shown(told_of_absent(first.absent))}")
    if guessing := [f"{r.network}, seed {r.seed}" for r in results if r.is_guessing]:
        print(f"note: {shown(_told_of_guessing(guessing))}")


def _told_of_guessing(networks: "Sequence[str]") -> str:
    """Return what it means that networks may be no better than one label for all clips."""
    return (
        "on these test clips, always giving their most frequent label may be as good as "
        f"{'; '.join(networks)}. If the training loss ('asc-nas report' draws it) has hardly "
        "fallen, nothing was learnt: try more epochs, a lower learning rate, or a window that is "
        "not much longer than the sounds."
    )


def print_best(best: "BestNetwork") -> None:
    """Print which network of a whole run is the best, what it takes, its files, what comes next."""
    table = Table(show_header=False, box=None, padding=(0, 1))
    for fact in best.facts:
        table.add_row(Text(fact.name), Text(fact.value))
    for i, file in enumerate(best.files):
        table.add_row("" if i else "files", Text(shown(file.path)))
        if file.says:
            table.add_row("", Text(f"  {shown(file.says)}"))
    print(f"\n{shown(best.title)}")
    print_table(table)
    print("\nNext:")
    for call in best.commands:
        print(f"  {call}")


def print_crossval(crossval: "Crossval") -> None:
    """Print the summary of a cross-validation: mean, standard deviation, and the mean by fold."""
    first = crossval.summary[0]
    columns = ("Network", "MACs", "Score", "Mean", "Std. dev.", *(f"Fold {f}" for f in first.folds))
    table = Table(*map(escape, columns), box=None, header_style="bold")
    for entry in crossval.summary:
        about = entry.network, _millions_between(entry.macs.min, entry.macs.max)
        for score, title, found in (
            ("accuracy", "accuracy", entry.accuracy),
            ("macro_f1", "macro-F1", entry.macro_f1),
        ):
            table.add_row(
                *(about if score == "accuracy" else ("", "")),
                title,
                f"{found.mean:.3f}",
                "-" if found.std is None else f"{found.std:.3f}",
                *(f"{entry.folds[fold][score]:.3f}" for fold in first.folds),
            )
    folds, trainings = len(first.folds), first.trainings
    print(
        f"\n{shown(crossval.data)}: {folds} fold{'s' * (folds != 1)}, {trainings} "
        f"training{'s' * (trainings != 1)} of each network, each tested once on its fold\n"
        "(standard deviation over folds and seeds)"
    )
    print_table(table)
    if crossval.differences:
        print_differences(crossval.differences)
    for row in {row.fold: row for row in crossval.results}.values():
        if row.test_clips_left_out:
            clips = told_of_clips(row.test_clips, row.test_clips_left_out)
            print(f"note: fold {shown(row.fold)}: {clips}")
        if row.absent:
            print(f"note: fold {shown(row.fold)}: {shown(told_of_absent(row.absent))}")


def print_differences(differences: "Sequence[Difference]") -> None:
    """Print how much more accurate the first network is than each other."""
    table = Table("Difference", "Points", "95 % interval", "", box=None, header_style="bold")
    for found in differences:
        interval = "-"
        if found.interval is not None:
            interval = " to ".join(f"{100 * end:+.1f}" for end in found.interval)
        table.add_row(
            Text(shown(f"{found.network} - {found.against}")),
            f"{100 * found.accuracy:+.1f}",
            interval,
            Text(shown(found.told)),
        )
    clips = differences[0].clips
    print(f"\nAccuracy, each of {clips} test clips against itself (intervals by group)")
    print_table(table)


def print_adapted(adapted: "Adapted") -> None:
    """Print the accuracy of a network and of its adapted ones, by recording device and in all."""
    interval = "95 % interval"
    columns = ("Recorder", "Training", "Clips", "General", interval, "Adapted", interval)
    table = Table(*columns, box=None, header_style="bold")
    for name, training, found in adapted.rows:
        table.add_row(
            Text(shown(name)),
            training,
            str(found.clips),
            _number(found.general),
            _between(found.general_interval),
            _number(found.adapted),
            _between(found.adapted_interval),
        )
    clips = told_of_clips(adapted.total.clips, adapted.test_clips_left_out)
    names = ", ".join(quoted(f"{adapted.network}@{name}") for name in adapted.adapted_to)
    print(
        f"\nAccuracy of network {adapted.network} on {clips} of {shown(adapted.data)}, alone "
        "(general), and\nwith a network adapted to each recording device (adapted; - where the "
        "general one answers)"
    )
    print_table(table)
    print(f"adapted networks: {shown(names)}")
    if adapted.without_clips:
        print(f"note: no test clips of {shown(', '.join(adapted.without_clips))}")


def _between(interval: "tuple[float, float] | None") -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def print_scores(about: dict[str, Any], evaluation: "ScoreReport") -> None:
    """Print the scores of a set of clips with their intervals, per class and per device."""
    scores, intervals = evaluation.scores, evaluation.intervals
    total = Table("Score", "Value", "95 % interval", box=None, header_style="bold")
    for name in ("accuracy", "macro_f1", "log_loss"):
        interval = getattr(intervals, name, None)
        title = name.replace("_f1", "-F1").replace("_", " ")
        total.add_row(title, _number(getattr(scores, name)), _between(interval))
    classes = Table("Class", "Clips", "F1", box=None, header_style="bold")
    for label, f1 in scores.per_class.items():
        classes.add_row(Text(label), str(evaluation.clips_of[label]), _number(f1))
    groups = f"{intervals.groups} groups" if intervals else "1 group: no intervals"
    what = about.get("results") or f"{about['network']}, {about['role']} of {about['scored']}"
    lost = about.get("left_out")
    out = f"; {lost} more could not be read and are left out" if lost else ""
    print(f"\n{shown(what)}: {sum(evaluation.clips_of.values())} clips of {groups}{out}")
    console = Console(markup=False, highlight=False)  # a label may hold brackets
    for table in (total, classes, *_device_tables(evaluation)):
        console.print(table)
        print()
    absent = [label for label, count in evaluation.clips_of.items() if not count]
    if absent:
        print(f"note: {shown(told_of_absent(absent))}")


def _device_tables(evaluation: "ScoreReport") -> "list[Table]":
    if not evaluation.devices:
        return []
    columns = ("Device", "Training", "Clips", "Accuracy", "macro-F1", "Log loss")
    table = Table(*columns, box=None, header_style="bold")
    for part in evaluation.devices:
        table.add_row(Text(part.name), TOLD_OF_SEEN[part.seen], *_row(part))
    for part in evaluation.seen_and_unseen:
        table.add_row("all", part.name, *_row(part))
    return [table]


def _row(part: "Part") -> tuple[str, ...]:
    values = (part.accuracy, part.macro_f1, part.log_loss)
    return (str(part.clips), *(_number(value) for value in values))


def _known(columns: "Sequence[str]", rows: "Sequence[Sequence[str]]") -> Table:
    """Return a table without the columns in which nothing is known."""
    kept = [i for i, _ in enumerate(columns) if any(row[i] != UNKNOWN for row in rows)]
    table = Table(*(columns[i] for i in kept), box=None, header_style="bold")
    for row in rows:
        table.add_row(*(row[i] for i in kept))
    return table


def _number(value: float | None) -> str:
    return UNKNOWN if value is None or value != value else f"{value:.3f}"  # NaN: not known


def _millions_between(low: int, high: int) -> str:
    return millions(high) if low == high else f"{low / 1e6:.2f} to {millions(high)}"


def print_table(table: Table) -> None:
    """Print a table, in full width where the output is not a terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = 200  # piped: a genotype stays on one line, so that it can be copied
    console.print(table)
