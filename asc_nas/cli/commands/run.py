"""``asc-nas run``: every step from recordings to exported models."""

import time
from typing import Annotated

import typer

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


def run(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    limits: LimitsOption = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Fit epochs and generations into this time, for example 30m or 1h30m.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an existing run.")] = False,
    device: DeviceOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Run all steps: features, supernet, search, retraining, test, export.

    Every step writes into the run directory. --resume continues a stopped run; the result is the
    same as without the stop. The probabilities of the best model (NAME-best) are calibrated. This
    takes one more training; --set retrain.calibrate=false skips it.

    Example: asc-nas run configs/esc10.yaml --data ESC-10 --out runs/esc10
    """
    from asc_nas.cli.output.network_tables import print_best

    start = time.monotonic()
    changes = [*with_limits(settings, limits), *([] if budget is None else [f"budget={budget}"])]
    opened = open_run(
        config,
        data,
        changes,
        out,
        resume=resume,
        tensorboard=tensorboard,
        device=device,
        executor=executor,
        address=address,
    )
    print_best(opened.run(start).summary)
