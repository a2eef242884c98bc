"""``asc-nas ship``: after a cross-validation, the model that is trained on everything."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from asc_nas.core.errors import UsageError


def ship(
    crossval: Annotated[
        Path, typer.Argument(metavar="CROSSVAL", help="Directory from 'asc-nas crossval'.")
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
    from asc_nas.cli.output.progress import progress
    from asc_nas.data.manifest import Manifest
    from asc_nas.run.final_model import (
        cross_validated,
        cross_validated_together,
        export_final,
        quantize_final,
        train_final,
    )
    from asc_nas.run.networks import find_network
    from asc_nas.run.opening import lock_run, open_run
    from data_prep.splits import assign_training_roles

    places = sorted(place.parent for place in crossval.glob("fold-*/config.yaml"))
    if not places:
        raise UsageError(f"{crossval}: holds no folds; run 'asc-nas crossval' first.")
    with ExitStack() as stack:
        whole = stack.enter_context(lock_run(crossval))
        run = stack.enter_context(lock_run(crossval, out=crossval / "all"))
        first = {}  # the runs of other seeds' splits are left out
        for place in places:
            fold = open_run(place)
            if fold.config.seed == whole.config.seed:
                first[fold.config.data.test_folds[0]] = fold.context
        seed = whole.config.seed
        chosen = find_network(run.context, network)
        seeds = [seed]
        if together:
            results, seeds = cross_validated_together(first, chosen)
        else:
            results = cross_validated(first, chosen)
        if not run.paths.manifest.exists():
            clips = Manifest.read(whole.paths.manifest)
            assign_training_roles(clips, run.config.data, seed).write(run.paths.manifest)
        if not run.paths.features.exists():
            run.paths.features.symlink_to(Path("..") / whole.paths.features.name)
        with progress(f"Training {chosen.name} on all folds") as report:
            train_final(run.context, chosen, seeds, report)
        name = name or whole.config.name
        model = export_final(run.context, chosen, seeds, name, results, source)
        typer.echo(str(model))
        if int8:
            card = quantize_final(run.context, model, list(first.values()), chosen, seeds)
            typer.echo(str(model.with_name(f"{card.name}.onnx")))
