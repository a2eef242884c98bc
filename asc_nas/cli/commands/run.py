"""``asc-nas run``: every step from recordings to exported models."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_nas.cli.options import (
    ConfigArgument,
    DataOption,
    LimitsOption,
    OutOption,
    SetOption,
    TensorBoardOption,
    with_limits,
)

if TYPE_CHECKING:
    from asc_nas.run.opening import OpenRun


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
    tensorboard: TensorBoardOption = False,
) -> None:
    """Run all steps: features, supernet, search, retraining, test, export.

    Every step writes into the run directory. --resume continues a stopped run; the result is the
    same as without the stop. The probabilities of the best model (NAME-best) are calibrated. This
    takes one more training; --set retrain.calibrate=false skips it.

    Example: asc-nas run configs/esc10.yaml --data ESC-10 --out runs/esc10
    """
    from asc_nas.run.opening import lock_run

    start = time.monotonic()
    changes = [*with_limits(settings, limits), *([] if budget is None else [f"budget={budget}"])]
    with lock_run(config, data, changes, out, resume=resume) as opened:
        if tensorboard:
            opened.context.events.use_tensorboard()
        run_steps(opened, start)


def run_steps(opened: "OpenRun", start: float) -> list[dict[str, Any]]:
    """Do every step of a run, as far as it is not done.

    Parameters
    ----------
    start : when its budget, if it has one, began (`time.monotonic`)

    Returns
    -------
    The result of the best member, which search-val prefers, and those of the baselines.
    """
    return _run(_sized(opened, start))


def _sized(opened: "OpenRun", start: float) -> "OpenRun":
    """Size the run to its budget, unless that is done or it has none."""
    from asc_nas.cli.commands.latency import get_latency
    from asc_nas.run.budget import budget_step, parse_duration
    from asc_nas.run.preparation import prepare

    budget = opened.config.budget
    if budget is None or opened.paths.budget.exists():
        return opened
    prepare(opened, check=True)
    get_latency(opened.context)
    settings = budget_step(opened.context, parse_duration(budget) + start - time.monotonic())
    sizes = ", ".join(f"{key} {value}" for key, value in settings.items())
    typer.echo(f"Budget {budget}: {sizes} ({opened.paths.budget}).")
    return opened.within_budget()


def _run(opened: "OpenRun") -> list[dict[str, Any]]:
    from asc_nas.cli.commands.export import train_twins
    from asc_nas.cli.commands.search import find_pareto_set
    from asc_nas.cli.output.network_tables import print_results
    from asc_nas.cli.output.progress import progress
    from asc_nas.run.networks import export_step, find_network
    from asc_nas.run.training import train_networks
    from asc_nas.search.pareto import choose, preferred

    members = find_pareto_set(opened, check=True)
    context, seed = opened.context, opened.config.seed

    objectives, count = opened.config.search.objectives, opened.config.retrain.members
    chosen = choose(members, objectives, count)
    networks = [find_network(context, text) for text in map(str, chosen)]
    baselines = [find_network(context, text) for text in opened.config.baselines]
    workers = opened.config.retrain.workers
    results = train_networks(context, [*networks, *baselines], [seed], workers, progress)
    print_results(results)

    # The best is chosen by search-val, before the test: the member with the best score there.
    best = preferred([members[i] for i in chosen], objectives)
    if opened.config.retrain.calibrate:
        train_twins(context, [networks[best]], seed)
    for network in networks:
        export_step(context, network, seed)
    model = export_step(context, networks[best], seed, name=f"{opened.config.name}-best")
    typer.echo(
        f"\nModels: {context.paths.models}\nClassify a recording with: "
        f"asc-nas classify FILE --model {model}"
    )
    return [results[best], *results[len(networks) :]]
