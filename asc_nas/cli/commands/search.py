"""``asc-nas search``: NSGA-II over the trained supernet."""

from typing import TYPE_CHECKING

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
    from asc_nas.search.objectives import Evaluation


def search(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    limits: LimitsOption = None,
    tensorboard: TensorBoardOption = False,
) -> None:
    """Search the supernet for the Pareto set (earlier steps are done first if they are missing).

    Example: asc-nas search runs/esc10
    """
    from asc_nas.run.opening import lock_run

    with lock_run(config, data, with_limits(settings, limits), out) as run:
        if tensorboard:
            run.context.events.use_tensorboard()
        find_pareto_set(run)


def find_pareto_set(run: "OpenRun", *, check: bool = False) -> "list[Evaluation]":
    """Do every step up to the Pareto set, as far as it is not done; print the set and return it.

    With `check` the recordings are checked too.
    """
    from asc_nas.cli.commands.latency import get_latency
    from asc_nas.cli.output.network_tables import print_pareto
    from asc_nas.cli.output.progress import progress
    from asc_nas.run.preparation import prepare
    from asc_nas.run.search import check_feasible, search_step, supernet_step

    prepare(run, check=check)
    context = run.context
    get_latency(context)
    check_feasible(context)
    with progress("Supernet") as report:
        supernet_step(context, report, typer.echo)
    with progress("Search") as report:
        members = search_step(context, report)
    print_pareto(members, context.config.search.objectives)
    return members
