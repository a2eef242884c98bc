"""``asc-nas teach``: what teachers say of the training clips, as a file of logits."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.cli.options import DeviceOption, RunArgument, open_run


def teach(
    run: RunArgument,
    teachers: Annotated[
        list[str],
        typer.Argument(
            metavar="TEACHER...",
            help="Networks as for 'asc-nas train', each with all its seeds, exported models "
            "NAME.onnx with the same labels, ONNX models of others with an adapter NAME.yaml "
            "beside them, Python functions FILE.py:FUNCTION, or published logits NAME.pt or "
            "NAME.npy. Several are averaged.",
        ),
    ],
    rows: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The list whose rows those of published logits are, such as meta.csv; their "
            "columns are the labels in the order of their names.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file to write [default: RUN/teachers/NAME.npz].",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Write what teachers say of the training clips, for networks that learn from them.

    The file is what retrain.teacher.logits takes. Test clips are not in it, and a network is not
    taught by one that was trained on its test clips. Where all teachers have embeddings, these are
    in it too, for retrain.teacher.feature_weight.

    Example: asc-nas teach runs/large best --out teacher.npz

    asc-nas teach runs/tau25 ensemble_logits.pt --rows tau/meta.csv --out teacher.npz

    asc-nas train runs/small baseline --set "retrain.teacher={logits: [teacher.npz]}"
    """
    file = open_run(run, device=device).teach(*teachers, out=out, rows=rows)
    typer.echo(f"{file} ({file.stat().st_size / 1000:.0f} kB)")
