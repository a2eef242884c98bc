"""``asc-nas adapt``: a trained network for single recording devices."""

from typing import Annotated

import typer

from asc_nas.cli.options import (
    AddressOption,
    DeviceOption,
    ExecutorOption,
    RunArgument,
    SetOption,
    open_run,
)


def adapt(
    run: RunArgument,
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="A trained network, as for 'asc-nas train'.")
    ],
    recorder: Annotated[
        list[str] | None,
        typer.Option(
            "--recorder",
            metavar="RECORDER",
            help="A recording device as the training clips name it; repeat it for several "
            "[default: all of them].",
            show_default=False,
        ),
    ] = None,
    settings: SetOption = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the network [default: the run's].")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Parallel trainings, one thread each [default: retrain.workers]."),
    ] = None,
    device: DeviceOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
) -> None:
    """Train a network on for each recording device, and compare it with the adapted ones on test.

    A training is short: it begins with the network's weights and hears the training clips of one
    recording device (the settings are those of the group adapt). To continue a stopped command,
    give it again. 'asc-nas evaluate' takes an adapted network as NETWORK@RECORDER; 'asc-nas export'
    and 'asc-nas submit' take one in the same way, or all of them with --adapted.

    Examples: asc-nas adapt runs/tau25 best

    asc-nas adapt runs/tau25 best --recorder a --recorder s1 --set adapt.epochs=5
    """
    from asc_nas.cli.output.network_tables import print_adapted

    opened = open_run(run, None, settings, device=device, executor=executor, address=address)
    print_adapted(opened.adapt(network, *(recorder or ()), seed=seed, workers=workers))
