"""``asc-nas export``: a retrained network as ONNX with its card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import ConfigArgument, DeviceOption, open_run

if TYPE_CHECKING:
    from asc_nas.runtime.card import ModelCard


def export(
    config: ConfigArgument,
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="Networks as for 'asc-nas train', or adapted ones, as best@a.",
        ),
    ],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed [default: the run's].")] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="First train a twin of each network without search-val, then fit the temperature "
            "of its probabilities on search-val (not needed with retrain.use_search_val=false).",
        ),
    ] = False,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="Export the networks of all seeds with which each was trained as one model, a "
            "committee: it costs as much as all of them and is better than each.",
        ),
    ] = False,
    adapted: Annotated[
        bool,
        typer.Option(
            "--adapted",
            help="Export each network and all that 'asc-nas adapt' has made of it as one model, "
            "NAME-adapted; 'asc-nas classify --recorder' takes the network of a recording device.",
        ),
    ] = False,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help="What to write besides the float ONNX: int8, c (a folder with C code for a "
            "device, front end included), tflite (a file in 8-bit integers for TensorFlow Lite "
            "Micro; needs pip install 'asc-nas[device]'), or onnx-audio (a folder with an ONNX "
            "file that takes samples, for Android and browsers). May be given again.",
            show_default=False,
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="The same as --target int8: write NAME-int8.onnx, in 8-bit integers. It is "
            "compared with the float network on test.",
        ),
    ] = False,
    dcase_report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the description (YAML) that DCASE Task 1 asks for; with --int8 that of the "
            "int8 network. Only for one network.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Export trained networks to the run's models folder and check each against PyTorch.

    Examples: asc-nas export runs/esc10 3 baseline --calibrate

    asc-nas export runs/esc10 best --together --target c

    asc-nas export runs/tau_mobile 3 --int8 --dcase-report task1.meta.yaml

    asc-nas export runs/tau25 best --adapted --calibrate
    """
    run = open_run(config, device=device)
    targets = [*(target or ()), *(["int8"] if int8 else [])]
    models = run.export(
        *networks,
        seed=seed,
        targets=targets,
        calibrate=calibrate,
        together=together,
        adapted=adapted,
        dcase_report=dcase_report,
    )
    for model in models:
        typer.echo(str(model.file))
        if model.card.quantization is not None:
            typer.echo(_compared(model.card))
        for line in model.told:
            typer.echo(f"    {line}")
    if dcase_report is not None:
        typer.echo(str(dcase_report))


def _compared(card: "ModelCard") -> str:
    """Return a line on an int8 network beside its float one."""
    made = card.quantization
    if made is None:
        raise ValueError(f"{card.name} is not quantised")
    accuracy, float_accuracy = card.results["accuracy"], made.float_results["accuracy"]
    return (
        f"    accuracy {accuracy:.3f} (float {float_accuracy:.3f}), "
        f"{made.agreement:.1%} of {card.data.test_clips} decisions alike; "
        f"{card.bytes / 1000:.0f} kB ({made.float_bytes / 1000:.0f} kB); "
        f"{made.latency_ms:.3f} ms ({made.float_latency_ms:.3f} ms, ratio {made.speed_up:.2f})"
    )
