"""``asc-nas export``: a retrained network as ONNX with its card."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import ConfigArgument
from asc_nas.core.errors import UsageError

if TYPE_CHECKING:
    from asc_nas.run.folder import Context
    from asc_nas.run.networks import NamedNetwork
    from asc_nas.runtime.card import ModelCard


def export(
    config: ConfigArgument,
    networks: Annotated[
        list[str], typer.Argument(metavar="NETWORK...", help="Networks as for 'asc-nas train'.")
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
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Also write NAME-int8.onnx: weights and activations as 8-bit integers. It is "
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
) -> None:
    """Export trained networks to the run's models folder and check each against PyTorch.

    Examples: asc-nas export runs/esc10 3 baseline --calibrate

    asc-nas export runs/tau_mobile 3 --int8 --dcase-report task1.meta.yaml
    """
    from asc_nas.run.dcase_report import write_dcase_report
    from asc_nas.run.networks import export_step, find_network
    from asc_nas.run.opening import lock_run
    from asc_nas.run.quantization import quantize_step

    if dcase_report is not None and len(networks) != 1:
        raise UsageError(f"--dcase-report describes one network; {len(networks)} are named.")
    with lock_run(config, shared=True) as run:
        context = run.context
        used_seed = run.config.seed if seed is None else seed
        chosen = [find_network(context, text) for text in networks]
        if calibrate:
            train_twins(context, chosen, used_seed)
        for network in chosen:
            model = export_step(context, network, used_seed)
            typer.echo(str(model))
            if int8:
                card = quantize_step(context, model)
                model = model.with_name(f"{card.name}.onnx")
                typer.echo(f"{model}\n{_compared(card)}")
            if dcase_report is not None:
                write_dcase_report(context, model, dcase_report)
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


def train_twins(context: "Context", networks: "Sequence[NamedNetwork]", seed: int) -> None:
    """Train a twin, without search-val, of each trained network that has seen search-val."""
    from asc_nas.cli.output.progress import progress
    from asc_nas.run.calibration import TWIN, train_twin
    from asc_nas.run.networks import network_folder, network_lock, trained_result

    for network in networks:
        folder = network_folder(context, network, seed)
        seen = "search_val" in trained_result(context, network, seed)["trained_on"]
        if not seen or (folder / TWIN).exists():
            continue
        with network_lock(folder), progress(f"Training the twin of {network.name}") as report:
            train_twin(context, network.genotype, seed, folder, report)
