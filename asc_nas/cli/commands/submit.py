"""``asc-nas submit``: what DCASE Task 1 asks for, from the inference package to the zip."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.cli.options import RunArgument, open_run
from asc_nas.core.errors import UsageError


def submit(
    run: RunArgument,
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="Networks as for 'asc-nas train', at most four: each is a system, and its number "
            "in the label is one more than that of the network before it.",
        ),
    ],
    year: Annotated[int, typer.Option(help="Year of the rules: 2024 or 2025.")],
    label: Annotated[
        str,
        typer.Option(metavar="LABEL", help="Label of the first, as LASTNAME_INSTITUTE_task1_1."),
    ],
    half: Annotated[
        bool,
        typer.Option(
            "--half",
            help="Weights as float16: they count two bytes. Compared with float32 on test.",
        ),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Weights of convolutions as 8-bit integers: they count one byte. Compared with "
            "float32 on test.",
        ),
    ] = False,
    together: Annotated[
        bool,
        typer.Option(
            "--together", help="Each network answers with all seeds that it was trained with."
        ),
    ] = False,
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEVICE=NETWORK",
            help="A network of its own for a recording device, as a=3 or a=best@a; the named "
            "network answers for all others. May be given again. Since 2025.",
            show_default=False,
        ),
    ] = None,
    adapted: Annotated[
        bool,
        typer.Option(
            "--adapted",
            help="Each network answers with all that 'asc-nas adapt' has made of it for single "
            "recording devices. Since 2025.",
        ),
    ] = False,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the evaluation set: write the output for it. A call that was stopped "
            "goes on.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="What to write into, or to add to [default: the label without its number].",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed [default: the run's].")] = None,
) -> None:
    """Write a submission to DCASE Task 1: inference package, meta files, outputs, report, zip.

    Each network is counted as the organisers do and held against the limits of the year. Call it
    again to add the run of another split, another network, or what you filled in in about.yaml.

    Examples: asc-nas submit runs/tau25 best --year 2025 --label Miller_UNI_task1_1 --half

    asc-nas submit runs/tau25 best --year 2025 --label Miller_UNI_task1_1 --evaluation tau2025

    asc-nas submit runs/tau25 best --year 2025 --label Miller_UNI_task1_1 --half --adapted

    asc-nas submit runs/tau25 best --year 2025 --label Miller_UNI_task1_1 --int8 --together
    """
    opened = open_run(run)
    done = opened.submit(
        *networks,
        year=year,
        label=label,
        half=half,
        int8=int8,
        together=together,
        devices=dict(map(_device, device or ())),
        adapted=adapted,
        evaluation=evaluation,
        out=out,
        seed=seed,
    )
    for entry in done.entries:
        for name, cost in entry.networks.items():
            typer.echo(
                f"{entry.label}, split {entry.split}, {name}: {cost['param_bytes']:,} bytes of "
                f"parameters, {cost['macs']:,} multiply-accumulates, within the limits of {year}; "
                f"accuracy {entry.results['general']['overall']['accuracy']:.1f} %"
            )
    typer.echo(f"inference package: {done.package}")
    for text in done.missing:
        typer.echo(f"still to do: {text}")
    typer.echo(str(done.zip))


def _device(text: str) -> tuple[str, str]:
    name, equals, network = text.partition("=")
    if not (name and equals and network):
        raise UsageError(f"--device {text}: write it as DEVICE=NETWORK, as in a=3.")
    return name, network
