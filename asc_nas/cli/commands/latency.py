"""``asc-nas latency``: tables of measured layers, and how well they predict networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import ConfigArgument, DataOption, OutOption, SetOption, open_run
from asc_nas.core.errors import AscNasError

if TYPE_CHECKING:
    from asc_nas.run.latency import CheckedNetworks

app = typer.Typer(
    no_args_is_help=True, help="Measure how long networks take, on this machine or on a device."
)


@app.command("kit")
def kit(
    config: ConfigArgument,
    folder: Annotated[Path, typer.Option("--out", help="Folder to write.", show_default=False)],
    target: Annotated[
        str, typer.Option(help="onnx, for onnxruntime, or c, for microcontrollers.")
    ] = "onnx",
    data: DataOption = None,
    settings: SetOption = None,
) -> None:
    """Write a folder that measures the search space on another device.

    The folder has the layers as ONNX files, and measure.py. On the device, measure.py needs only
    numpy and onnxruntime, and writes latency.json. With --target c it is a program in C, which you
    compile for a microcontroller; it prints latency.json. To search with this file, put
    'latency: FILE' into a config or add --set latency=FILE.

    Example: asc-nas latency kit runs/esc10 --out kit
    """
    from asc_nas.run.opening import ELSEWHERE

    try:
        open_run(config, data, settings, device="cpu").latency_kit(folder, target)
    except AscNasError as error:  # --out is the folder of the kit here
        remedy = "give the run another name with --set name=NAME"
        raise type(error)(str(error.args[0]).replace(ELSEWHERE, remedy)) from error
    typer.echo((folder / "README.txt").read_text(encoding="utf-8"), nl=False)


@app.command("count")
def count(
    kit: Annotated[
        Path,
        typer.Argument(metavar="KIT", help="Folder that 'asc-nas latency kit --target c' wrote."),
    ],
    chip: Annotated[str, typer.Option(help="cortex-m4, cortex-m7; or pc, which is timed.")] = (
        "cortex-m4"
    ),
    mhz: Annotated[float, typer.Option(min=1, max=10000, help="Clock of the chip.")] = 100,
) -> None:
    """Count the instructions of a kit in C on an emulated chip, while you have no board.

    Writes KIT/latency.json, in which an instruction takes one cycle. Chips also wait for flash, and
    some do more than one instruction in a cycle: measure on the board when you have one.

    Example: asc-nas latency count kit --chip cortex-m4 --mhz 64
    """
    from asc_nas.export.firmware.latency_kit import count_latency

    table = count_latency(kit, chip, mhz)
    measured = table.measured
    typer.echo(f"{len(measured.layers)} layers on {measured.device.name} -> {table.source}")
    typer.echo(
        f"{len(measured.networks)} whole networks: predicted from their layers with a mean error "
        f"of {table.error:.1%}"
    )


@app.command("measure")
def measure(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
) -> None:
    """Measure the search space on this machine, into RUN/latency/latency.json.

    Example: asc-nas latency measure configs/moga.yaml --data ESC-10
    """
    run = open_run(config, data, settings, out, device="cpu")
    path = run.paths.latency
    if path.exists():
        typer.echo(f"{path} is there already; delete it to measure again.")
        return
    measured = run.measure_latency().measured
    typer.echo(f"{len(measured.layers)} layers on {measured.device.name} -> {path}")


@app.command("check")
def check(
    config: ConfigArgument,
    table: Annotated[
        Path | None, typer.Option(help="Latency table [default: the run's].", show_default=False)
    ] = None,
    networks: Annotated[int, typer.Option(min=3, help="Random networks to measure.")] = 30,
    data: DataOption = None,
    settings: SetOption = None,
    out: OutOption = None,
) -> None:
    """Compare predicted with measured latency on random networks, on this machine.

    Example: asc-nas latency check runs/moga --networks 30
    """
    from asc_nas.cost.latency import LatencyTable
    from asc_nas.export.latency_measure import describe_device

    run = open_run(config, data, settings, out, device="cpu")
    opened = LatencyTable.read(table or run.paths.latency)
    device, here = opened.measured.device, describe_device()
    if device.machine != here["machine"] or device.cores != here["cores"]:
        typer.echo(
            f"note: the table was measured on {device.name}; this machine is {here['name']}.",
            err=True,
        )
    _print(run.check_latency(opened, networks))


def _print(checked: "CheckedNetworks") -> None:
    from rich.table import Table

    from asc_nas.cli.output.network_tables import print_table

    table = Table("Measured", "Predicted", "Error", "Genotype", box=None, header_style="bold")
    for network in sorted(checked, key=lambda network: network.measured):
        table.add_row(
            f"{network.measured:.3f} ms",
            f"{network.predicted:.3f} ms",
            f"{network.predicted / network.measured - 1:+.1%}",
            str(network.genotype),
        )
    print_table(table)
    correlation, error = checked.agreement()
    typer.echo(
        f"\n{len(checked)} networks: Spearman {correlation:.3f}, mean absolute error {error:.1%}"
    )
