"""``asc-nas ship``: after a cross-validation, the model that is trained on everything."""

from typing import Annotated

import typer

from asc_nas.cli.options import AddressOption, DeviceOption, ExecutorOption


def ship(
    crossval: Annotated[
        str, typer.Argument(metavar="CROSSVAL", help="Directory or URL from 'asc-nas crossval'.")
    ],
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK", help="A cross-validated network: a baseline or a genotype."
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the model [default: the config's name].")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Who made the recordings and where they are, for the card.")
    ] = "",
    licence: Annotated[
        str,
        typer.Option(
            help="Licence of the recordings, for the card [default: the dataset's].",
            show_default=False,
        ),
    ] = "",
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="A committee: one network per seed of the cross-validation, with averaged "
            "probabilities.",
        ),
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write NAME-int8.onnx, see 'asc-nas export'.")
    ] = False,
    device: DeviceOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
) -> None:
    """Train a cross-validated network on the clips of all folds and export it.

    No clip is left for a test. So the card has the scores of the cross-validation, where the same
    network was trained by the same recipe without the fold of its test. A twin trained without
    search-val calibrates the probabilities. Everything is in CROSSVAL/all.

    With --together, multiply-accumulates and parameters are multiplied by the number of seeds. The
    scores are those of such committees in every fold.

    Example: asc-nas ship runs/esc10-crossval "f3+t3e2w1 f3+t3e2w1 f3+t3e2w1 f3+t3e2w1 f3+t3e2w1
    f3+t3e2w1" --name esc10 --int8
    """
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.run.ship import ship as ship_network

    for model in ship_network(
        crossval,
        network,
        name=name,
        source=source,
        licence=licence,
        together=together,
        int8=int8,
        listener=Terminal(),
        device=device,
        executor=executor,
        address=address,
    ):
        typer.echo(str(model.file))
