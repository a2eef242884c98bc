"""``asc-nas crossval``: the whole job, or the training of fixed networks, in every fold."""

from typing import Annotated

import typer

from asc_nas.cli.options import (
    AddressOption,
    ConfigArgument,
    DataOption,
    DeviceOption,
    ExecutorOption,
    LimitsOption,
    SetOption,
    with_limits,
)


def crossval(
    config: ConfigArgument,
    data: DataOption = None,
    fold: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLD", help="An official fold; can be repeated [default: all]."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="A baseline of the config, or a genotype: train only this network in every fold, "
            "without a search. Can be repeated.",
        ),
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="Seed; can be repeated [default: the config's].")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Parallel trainings, one thread each [default: retrain.workers]."),
    ] = None,
    settings: SetOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            help="Directory or URL of the runs [default: runs/NAME-crossval].",
            show_default=False,
        ),
    ] = None,
    limits: LimitsOption = None,
    device: DeviceOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
) -> None:
    """Cross-validate: each official fold is the test set of one run.

    Each fold does everything that 'asc-nas run' does, search included, once per seed. The network
    of a fold is the one with the best score on its own search-val (exported as NAME-best), so no
    test clip influences the choice. The baselines of the config are trained too. With --network
    there is no search: these networks are trained with every seed in every fold.

    The spread is the standard deviation of the single trainings, over folds and seeds. It is not an
    interval for the mean, because folds differ in difficulty and share training clips.

    The first network (the searched one, or the first --network) is held against each other, every
    test clip against itself: the difference in accuracy and its interval say which is better.

    To continue a stopped command, give it again. Each fold has an ordinary run in OUT/fold-FOLD,
    with -seed-N for a seed other than the config's. OUT/crossval.json has all results.

    Examples: asc-nas crossval configs/esc10.yaml --data ESC-10

    asc-nas crossval configs/esc10.yaml --data ESC-10 --network baseline --network square --seed 0
    --seed 1 --workers 2
    """
    from asc_nas.cli.output.network_tables import print_crossval
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.run.crossval import crossval as cross_validate

    document, target = cross_validate(
        config,
        data,
        with_limits(settings, limits),
        out,
        folds=fold or (),
        networks=network or (),
        seeds=seed or (),
        workers=workers,
        listener=Terminal(),
        device=device,
        executor=executor,
        address=address,
    )
    print_crossval(document)
    typer.echo(f"\n{target}")
