"""``asc-nas train``: train fixed networks from scratch and test them once."""

from typing import Annotated

import typer

from asc_nas.cli.options import ConfigArgument, DataOption, OutOption, SetOption


def train(
    config: ConfigArgument,
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="A Pareto member's id, the name of a baseline of the config, or a genotype.",
        ),
    ],
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed [default: the run's].")] = None,
) -> None:
    """Train networks from scratch; each is tested once, with the last epoch's weights.

    Example: asc-nas train runs/esc10 baseline square 3 "t5e2w1 f5e2w1 t5e2w1 f5e2w1 skip f3e3w1"
    """
    from asc_nas.cli.prepare import prepare
    from asc_nas.cli.progress import progress
    from asc_nas.cli.run_config import open_run
    from asc_nas.cli.tables import print_results
    from asc_nas.pipeline.network_steps import find_network, retrain_step

    run = open_run(config, data, settings, out)
    prepare(run)
    context = run.context
    chosen = [find_network(context, text) for text in networks]
    results = []
    for network in chosen:
        with progress(f"Training {network.name}") as report:
            used_seed = run.config.seed if seed is None else seed
            results.append(retrain_step(context, network, used_seed, report))
    print_results(results)
