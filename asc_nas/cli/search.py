"""``asc-nas search``: NSGA-II over the trained supernet."""

from asc_nas.cli.options import ConfigArgument, DataOption, OutOption, SetOption


def search(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
) -> None:
    """Search the supernet for the Pareto set (earlier steps are done first if they are missing).

    Example: asc-nas search runs/esc10
    """
    from asc_nas.cli.prepare import prepare
    from asc_nas.cli.progress import progress
    from asc_nas.cli.run_config import open_run
    from asc_nas.cli.tables import print_pareto
    from asc_nas.pipeline.search_steps import check_feasible, search_step, supernet_step

    run = open_run(config, data, settings, out)
    prepare(run)
    context = run.context
    check_feasible(context)
    with progress("Supernet") as report:
        supernet_step(context, report)
    with progress("Search") as report:
        members = search_step(context, report)
    print_pareto(members)
