"""``asc-nas rank``: whether the supernet orders networks as training each alone does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from asc_nas.cli.options import (
    AddressOption,
    ConfigArgument,
    DataOption,
    DeviceOption,
    ExecutorOption,
    OutOption,
    SetOption,
    TensorBoardOption,
    open_run,
)

if TYPE_CHECKING:
    from asc_nas.search.ranking import Ranking


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
            "[default: rank.folder, or RUN/rank/standalone].",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Parallel trainings, one thread each.")] = 1,
    device: DeviceOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
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

    run = open_run(
        config,
        data,
        settings,
        out,
        tensorboard=tensorboard,
        device=device,
        executor=executor,
        address=address,
    )
    ranking = run.rank(like=like, standalone=standalone, workers=workers)
    typer.echo(f"\n{_summary(ranking)}")
    print_table(_table(ranking))
    typer.echo(f"\n{run.paths.rank}\n{run.paths.rank.with_suffix('.png')}")


def _summary(ranking: "Ranking") -> str:
    scores = [network.standalone_macro_f1 for network in ranking.networks]
    between = ranking.between_seeds
    text = (
        f"{len(scores)} networks trained alone {ranking.repeats} times: macro-F1 "
        f"{min(scores):.3f} to {max(scores):.3f} on search-val."
    )
    if between is not None:
        text += (
            f" Two seeds agree with a tau of {between.macro_f1.tau:.2f} in macro-F1 and "
            f"{between.log_loss.tau:.2f} in log loss."
        )
    return text


def _table(ranking: "Ranking") -> Table:
    columns = ("Predictor", "tau, macro-F1", "95 % interval", "tau, log loss", "95 % interval")
    table = Table(*columns, "Regret", box=None, header_style="bold")
    for row in ranking.agreement:
        cells = []
        for found in (row.macro_f1, row.log_loss):
            cells += [f"{found.tau:.3f}", f"{found.low:.3f} to {found.high:.3f}"]
        table.add_row(row.title, *cells, f"{row.regret:.3f}")
    return table
