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

    torchrun lets several processes train it together, with the same result up to rounding.

    Example: asc-nas supernet configs/esc10.yaml --data esc10 --out runs/esc10

    torchrun --nproc-per-node 2 --no-python asc-nas supernet runs/esc10
    """
    run = open_run(
        config, data, settings, out, tensorboard=tensorboard, device=device, together=True
    )
    run.supernet()
    run.ranks.leave()
