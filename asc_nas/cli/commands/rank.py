"""``asc-nas rank``: whether the supernet orders networks as training each alone does."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from asc_nas.cli.options import ConfigArgument, DataOption, OutOption, SetOption, TensorBoardOption


def rank(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    like: Annotated[
        Path | None,
        typer.Option(help="Rank the networks of another run: its rank.json.", show_default=False),
    ] = None,
    standalone: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the scores of stand-alone trainings; runs can share it "
            "[default: RUN/rank/standalone].",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Parallel trainings, one thread each.")] = 1,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Compare the supernet's scores with training networks alone: Kendall's tau and a plot.

    It trains networks over the whole range of cost (rank.networks, 32) from scratch on the training
    clips, with several seeds (rank.repeats). It scores them on search-val, as the supernet does. It
    does not use the test clips. Missing earlier steps are done first. To continue an interrupted
    ranking, run it again.

    Example: asc-nas rank runs/esc10 --workers 2 --set rank.epochs=60
    """
    from asc_nas.cli.output.network_tables import print_table
    from asc_nas.cli.output.progress import progress
    from asc_nas.run.opening import lock_run
    from asc_nas.run.preparation import prepare
    from asc_nas.run.ranking import rank_step
    from asc_nas.run.search import supernet_step

    with lock_run(config, data, settings, out) as run:
        if tensorboard:
            run.context.events.use_tensorboard()
        prepare(run)
        context = run.context
        with progress("Supernet") as report:
            supernet_step(context, report, typer.echo)
        with progress("Ranking") as report:
            document = rank_step(
                context, like=like, standalone=standalone, workers=workers, progress=report
            )
        typer.echo(f"\n{_summary(document)}")
        print_table(_table(document))
        typer.echo(f"\n{context.paths.rank}\n{context.paths.rank.with_suffix('.png')}")


def _summary(document: dict[str, Any]) -> str:
    scores = [row["standalone_macro_f1"] for row in document["networks"]]
    between = document["between_seeds"]
    text = (
        f"{len(scores)} networks trained alone {document['repeats']} times: macro-F1 "
        f"{min(scores):.3f} to {max(scores):.3f} on search-val."
    )
    if between is not None:
        text += (
            f" Two seeds agree with a tau of {between['macro_f1']['tau']:.2f} in macro-F1 and "
            f"{between['log_loss']['tau']:.2f} in log loss."
        )
    return text


_TITLES = {
    "macro_f1": "supernet macro-F1",
    "log_loss": "supernet log loss",
    "macro_f1_as_trained": "supernet macro-F1, no recalibration",
    "log_loss_as_trained": "supernet log loss, no recalibration",
    "macs": "MACs alone",
    "params": "parameters alone",
}


def _table(document: dict[str, Any]) -> Table:
    columns = ("Predictor", "tau, macro-F1", "95 % interval", "tau, log loss", "95 % interval")
    table = Table(*columns, "Regret", box=None, header_style="bold")
    for row in document["agreement"]:
        cells = []
        for truth in ("macro_f1", "log_loss"):
            found = row[truth]
            cells += [f"{found['tau']:.3f}", f"{found['low']:.3f} to {found['high']:.3f}"]
        table.add_row(_TITLES[row["predictor"]], *cells, f"{row['regret']:.3f}")
    return table
