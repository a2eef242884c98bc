"""Arguments and options that several commands share. Imports nothing heavy."""

from pathlib import Path
from typing import Annotated

import typer

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
