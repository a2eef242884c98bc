"""``asc-nas export``: a retrained network as ONNX with its card."""

from typing import Annotated

import typer

from asc_nas.cli.options import ConfigArgument


def export(
    config: ConfigArgument,
    networks: Annotated[
        list[str], typer.Argument(metavar="NETWORK...", help="As given to 'asc-nas train'.")
    ],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed [default: the run's].")] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="First train a twin of each network without search-val, to fit the temperature "
            "of its probabilities there (not needed with retrain.use_search_val=false).",
        ),
    ] = False,
) -> None:
    """Export trained networks to the run's models folder, each checked against PyTorch.

    Example: asc-nas export runs/esc10 3 baseline --calibrate
    """
    from asc_nas.cli.progress import progress
    from asc_nas.cli.run_config import open_run
    from asc_nas.pipeline.calibrate import train_twin
    from asc_nas.pipeline.network_steps import export_step, find_network, network_folder

    run = open_run(config)
    context = run.context
    used_seed = run.config.seed if seed is None else seed
    for text in networks:
        network = find_network(context, text)
        if calibrate and run.config.retrain.use_search_val:
            folder = network_folder(context, network, used_seed)
            with progress(f"Training the twin of {text}") as report:
                train_twin(context, network.genotype, used_seed, folder, report)
        typer.echo(str(export_step(context, network, used_seed)))
