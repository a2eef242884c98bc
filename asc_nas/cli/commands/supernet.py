"""``asc-nas supernet``: train the weight-sharing supernet."""

import typer

from asc_nas.cli.options import ConfigArgument, DataOption, OutOption, SetOption, TensorBoardOption


def supernet(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Train the supernet (features are made first if they are missing).

    Example: asc-nas supernet configs/esc10.yaml --data esc10 --out runs/esc10
    """
    from asc_nas.cli.commands.latency import get_latency
    from asc_nas.cli.output.progress import progress
    from asc_nas.run.opening import lock_run
    from asc_nas.run.preparation import prepare
    from asc_nas.run.search import supernet_step

    with lock_run(config, data, settings, out) as run:
        if tensorboard:
            run.context.events.use_tensorboard()
        prepare(run)
        context = run.context
        get_latency(context)
        with progress("Supernet") as report:
            supernet_step(context, report, typer.echo)
