"""``asc-nas search``: NSGA-II over the trained supernet."""

from asc_nas.cli.options import (
    AddressOption,
    ConfigArgument,
    DataOption,
    DeviceOption,
    ExecutorOption,
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
    executor: ExecutorOption = None,
    address: AddressOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Search the supernet for the Pareto set (earlier steps are done first if they are missing).

    Example: asc-nas search runs/esc10
    """
    changes = with_limits(settings, limits)
    run = open_run(
        config,
        data,
        changes,
        out,
        tensorboard=tensorboard,
        device=device,
        executor=executor,
        address=address,
    )
    run.search()
