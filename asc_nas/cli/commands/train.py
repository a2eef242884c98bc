"""``asc-nas train``: train fixed networks from scratch and test them once."""

from typing import Annotated

import typer

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


def train(
    config: ConfigArgument,
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="The id of a Pareto member, a baseline of the config, or a genotype.",
        ),
    ],
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Seed; can be repeated for more trainings [default: the run's]."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Parallel trainings, one thread each [default: retrain.workers]."),
    ] = None,
    device: DeviceOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Train networks from scratch; each is tested once, with the last epoch's weights.

    Trained networks are not trained again. So, to continue a stopped command, give it again. Two
    calls can train different networks of a run at the same time. torchrun lets several processes
    train one network after the other together.

    Example: asc-nas train runs/esc10 baseline square 3 "t5e2w1 f5e2w1 t5e2w1 f5e2w1 skip f3e3w1"

    asc-nas train runs/esc10 baseline square --seed 0 --seed 1 --seed 2 --workers 2
    """
    from asc_nas.cli.output.network_tables import print_results

    run = open_run(
        config,
        data,
        settings,
        out,
        tensorboard=tensorboard,
        device=device,
        executor=executor,
        address=address,
        together=True,
    )
    results = run.train(*networks, seeds=seed or (), workers=workers)
    run.ranks.leave()
    if run.ranks.first:
        print_results(results)
