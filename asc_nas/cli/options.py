"""Arguments and options that several commands share. Imports nothing heavy."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from asc_nas.cli.completion import complete_model
from asc_nas.core.errors import closest
from asc_nas.core.launched import place
from asc_nas.runtime.model_files import DEFAULT_MODEL

if TYPE_CHECKING:
    from asc_nas.run.run import Run

Choice = TypeVar("Choice", bound=StrEnum)

ConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A config file, the name of one that comes with asc-nas, such as nasc, or the "
        "directory or URL of a run.",
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Directory or URL of a run.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the recordings.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting, for example supernet.epochs=20."
    ),
]
LimitsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Named limits: dcase-task1 (parameters as int8), dcase-task1-fp16, or a chip such as "
        "stm32l476rg (docs/CONFIG.md lists them). They replace the limits of the config.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Where networks are trained and judged: cpu, cuda, cuda:N, mps, or auto (a CUDA GPU "
        "where there is one) [default: compute.device].",
        show_default=False,
    ),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="What does independent jobs: local (processes of this machine) or ray (a Ray "
        "cluster) [default: compute.executor].",
        show_default=False,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of the Ray cluster, such as auto; without one, Ray starts on this machine "
        "[default: compute.address].",
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
    str | None,
    typer.Option(
        "--out",
        help="Run directory, or a URL such as s3://bucket/runs/a [default: runs/NAME].",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        help="NAME.onnx (with its card NAME.json beside it), a folder with one model, or a name "
        f"from 'asc-nas models list' [default: '{DEFAULT_MODEL}' or the only model of the first "
        f"folder that has any; '{DEFAULT_MODEL}' comes with asc-nas].",
        autocompletion=complete_model,
        show_default=False,
    ),
]
RecorderOption = Annotated[
    str | None,
    typer.Option(
        metavar="RECORDER",
        help="The recording device: its own network answers, if the model has one for it (see "
        "'asc-nas models show'), else the general one.",
        show_default=False,
    ),
]
MinConfidenceOption = Annotated[
    float, typer.Option(min=0, max=1, help="Below this probability the answer is 'unknown'.")
]
RejectOption = Annotated[
    bool,
    typer.Option(
        "--reject/--no-reject",
        help="Answer 'none of these' where the network is less sure than the card asks for.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="LABEL",
        help="A label to look for; repeat it for several. All others count as 'none of these'.",
        show_default=False,
    ),
]
SilenceOption = Annotated[
    float | None,
    typer.Option(
        max=0,
        help="Below this level, dBFS (RMS), the answer is 'silent' [default: -70].",
        show_default=False,
    ),
]
HopOption = Annotated[
    float | None,
    typer.Option(
        help="Seconds from the start of one network window to the next [default: the model's "
        "window, no overlap].",
        show_default=False,
    ),
]
WindowOption = Annotated[
    float | None,
    typer.Option(
        help="Seconds of a step of the timeline. A step averages its network windows "
        "[default: the hop].",
        show_default=False,
    ),
]
SmoothOption = Annotated[
    float, typer.Option(min=0, help="Seconds of the moving average over the timeline.")
]


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """Return what makes a choice of the text that a user wrote, or says which there are."""

    def chosen(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            names = [str(choice) for choice in choices]
            hint = closest(text, names)
            raise typer.BadParameter(f"'{text}'.{hint} Known: {', '.join(names)}.") from None

    return chosen


def with_limits(settings: list[str] | None, limits: str | None) -> list[str]:
    """Return the settings of ``--set`` with named limits before them."""
    return [*([] if limits is None else [f"search.limits={limits}"]), *(settings or [])]


def open_run(
    config: str,
    data: Path | None = None,
    settings: list[str] | None = None,
    out: str | None = None,
    *,
    resume: bool = True,
    tensorboard: bool = False,
    device: str | None = None,
    executor: str | None = None,
    address: str | None = None,
    together: bool = False,
) -> "Run":
    """Open the run of a command, which shows on the terminal what the run says."""
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.core.progress import SILENT
    from asc_nas.run.run import Run

    run = Run.open(
        config,
        data,
        settings,
        out,
        resume=resume,
        listener=SILENT if place()[0] else Terminal(),  # of several ranks the first speaks
        device=device,
        executor=executor,
        address=address,
        together=together,
    )
    if tensorboard:
        run.use_tensorboard()
    return run
