"""``asc-nas search``: NSGA-II over the trained supernet."""

from asc_nas.cli.options import (
    ConfigArgument,
    DataOption,
    LimitsOption,
    OutOption,
    SetOption,
    TensorBoardOption,
    with_limits,
)


def search(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    limits: LimitsOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Search the supernet for the Pareto set (earlier steps are done first if they are missing).

    Example: asc-nas search runs/esc10
    """
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.run.run import Run

    run = Run.open(config, data, with_limits(settings, limits), out, listener=Terminal())
    if tensorboard:
        run.use_tensorboard()
    run.search()
