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
) -> None:
    """Export trained networks to the run's models folder, each checked against PyTorch.

    Example: asc-nas export runs/esc10 3 baseline
    """
    from asc_nas.cli.run_config import open_run
    from asc_nas.pipeline.network_steps import export_step, find_network

    run = open_run(config)
    context = run.context
    for text in networks:
        used_seed = run.config.seed if seed is None else seed
        typer.echo(str(export_step(context, find_network(context, text), used_seed)))
