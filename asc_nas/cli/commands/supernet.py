"""``asc-nas supernet``: train the weight-sharing supernet."""

from asc_nas.cli.options import (
    ConfigArgument,
    DataOption,
    DeviceOption,
    OutOption,
    SetOption,
    TensorBoardOption,
    open_run,
)


def supernet(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    device: DeviceOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Train the supernet (features are made first if they are missing).

    Example: asc-nas supernet configs/esc10.yaml --data esc10 --out runs/esc10
    """
    run = open_run(config, data, settings, out, tensorboard=tensorboard, device=device)
    run.supernet()
