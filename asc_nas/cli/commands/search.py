"""``asc-nas search``: NSGA-II over the trained supernet."""

from asc_nas.cli.options import (
    ConfigArgument,
    DataOption,
    DeviceOption,
    LimitsOption,
    OutOption,
    SetOption,
    TensorBoardOption,
    open_run,
    with_limits,
)


def search(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    limits: LimitsOption = None,
    device: DeviceOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Search the supernet for the Pareto set (earlier steps are done first if they are missing).

    Example: asc-nas search runs/esc10
    """
    changes = with_limits(settings, limits)
    run = open_run(config, data, changes, out, tensorboard=tensorboard, device=device)
    run.search()
