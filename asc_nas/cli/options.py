"""Arguments and options that several commands share. Imports nothing heavy."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.cli.completion import complete_model
from asc_nas.runtime.model_files import DEFAULT_MODEL

ConfigArgument = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="A config file, or the directory of a run.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the recordings.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, as in supernet.epochs=20."),
]
LimitsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Limits that have a name: dcase-task1 (parameters as int8) or dcase-task1-fp16; "
        "they replace those of the config.",
        show_default=False,
    ),
]
TensorBoardOption = Annotated[
    bool,
    typer.Option(
        "--tensorboard", help="Write RUN/tensorboard, for 'tensorboard --logdir RUN/tensorboard'."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", help="Run directory [default: runs/NAME].", show_default=False),
]
ModelOption = Annotated[
    str,
    typer.Option(
        help="NAME.onnx (its card NAME.json beside it), a folder that holds one model, or a "
        f"name that 'asc-nas models list' lists [default: '{DEFAULT_MODEL}', or the only model, of "
        f"the first folder there that holds any; asc-nas brings its own '{DEFAULT_MODEL}'].",
        autocompletion=complete_model,
        show_default=False,
    ),
]
MinConfidenceOption = Annotated[
    float, typer.Option(min=0, max=1, help="Less probable than this is 'unknown'.")
]
HopOption = Annotated[
    float | None,
    typer.Option(
        help="Seconds from one network window to the next [default: the model's window, no "
        "overlap].",
        show_default=False,
    ),
]
WindowOption = Annotated[
    float | None,
    typer.Option(
        help="Seconds of a step of the timeline, over which network windows are averaged "
        "[default: the hop].",
        show_default=False,
    ),
]
SmoothOption = Annotated[
    float, typer.Option(min=0, help="Seconds of a moving average over the timeline.")
]


def with_limits(settings: list[str] | None, limits: str | None) -> list[str]:
    """Return the settings of ``--set`` with named limits before them."""
    return [*([] if limits is None else [f"search.limits={limits}"]), *(settings or [])]
