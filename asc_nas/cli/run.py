"""``asc-nas run``: every step from recordings to exported models."""

from typing import Annotated

import typer

from asc_nas.cli.options import ConfigArgument, DataOption, OutOption, SetOption, TensorBoardOption


def run(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an existing run.")] = False,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Run all steps: features, supernet, search, retraining, test, export.

    Every step writes into the run directory. A killed run goes on with --resume and finds what an
    uninterrupted one finds.

    Example: asc-nas run configs/esc10.yaml --data ESC-10 --out runs/esc10
    """
    from asc_nas.cli.progress import progress
    from asc_nas.cli.run_config import open_run
    from asc_nas.cli.search import find_pareto_set
    from asc_nas.cli.tables import print_results
    from asc_nas.pipeline.network_steps import export_step, find_network
    from asc_nas.pipeline.parallel_training import train_networks
    from asc_nas.search.pareto import choose

    opened = open_run(config, data, settings, out, resume=resume)
    if tensorboard:
        opened.context.events.use_tensorboard()
    members = find_pareto_set(opened)
    context, seed = opened.context, opened.config.seed

    objectives, count = opened.config.search.objectives, opened.config.retrain.members
    chosen = [str(i) for i in choose(members, objectives, count)]
    networks = [find_network(context, text) for text in (*chosen, *opened.config.baselines)]
    workers = opened.config.retrain.workers
    print_results(train_networks(context, networks, [seed], workers, progress))

    for network in networks[: len(chosen)]:
        export_step(context, network, seed)
    # The best is chosen by search-val, before the test: the member with the highest macro-F1 there.
    best_id = max((int(i) for i in chosen), key=lambda i: members[i].macro_f1)
    best = export_step(
        context, find_network(context, str(best_id)), seed, name=f"{opened.config.name}-best"
    )
    typer.echo(
        f"\nModels: {context.paths.models}\nClassify a recording with: "
        f"asc-nas classify FILE --model {best}"
    )
