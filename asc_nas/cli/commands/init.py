"""``asc-nas init``: look at own recordings, say what was found, and write a config for them."""

import re
from pathlib import Path
from typing import Annotated

import typer

from asc_nas.core.errors import UsageError

UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}
_FILES = (".csv", ".tsv", ".yaml", ".yml")


def number(text: str) -> float:
    """Return the positive number that a user wrote, such as 3000000, 3e6, 3M or 128k.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    unit = text[-1:]
    try:
        value = float(text[:-1]) * UNITS[unit] if unit in UNITS else float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"'{text}' is not a positive number, such as 3000000, 3e6 or 3M.")
    return value


def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Recordings as FOLDER/<label>/..., or as <label>_<number> files, or a CSV or TSV "
            "list with the columns path and label.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG", help="Config to write [default: FOLDER's name + .yaml]."),
    ] = None,
    max_macs: Annotated[
        float | None,
        typer.Option(parser=number, metavar="N", help="Maximum multiply-accumulates per example."),
    ] = None,
    max_macs_per_second: Annotated[
        float | None,
        typer.Option(
            parser=number, metavar="N", help="The same per second of audio, for example 30M."
        ),
    ] = None,
    max_params: Annotated[
        float | None,
        typer.Option(parser=number, metavar="N", help="Maximum parameters, for example 60k."),
    ] = None,
    max_kb: Annotated[
        float | None,
        typer.Option(parser=number, metavar="KB", help="Maximum kilobytes (1000) of parameters."),
    ] = None,
    bytes_per_param: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="BYTES", help="For --max-kb: 4 (float32, default) or 1 (int8)."
        ),
    ] = None,
    max_ram_kb: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="KB",
            help="Maximum kilobytes (1000) of RAM, in int8 with the buffers of the front end.",
        ),
    ] = None,
    chip: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="RAM and flash of a chip, such as stm32l476rg (docs/CONFIG.md lists them): half "
            "of each. The other limits come on top, or replace its own.",
        ),
    ] = None,
    max_latency_ms: Annotated[
        float | None,
        typer.Option(parser=number, metavar="MS", help="Maximum milliseconds per example."),
    ] = None,
    latency: Annotated[
        str | None, typer.Option(help="latency.json of the device, or 'measure' (on this machine).")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            parser=number, metavar="S", help="Length of an example [default: median, at most 10]."
        ),
    ] = None,
    sample_rate: Annotated[
        int | None,
        typer.Option(min=1000, help="Hertz [default: from the recordings, up to 32000]."),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take a trained network and its front end, and train it further on yours: esc50, "
            "which comes with asc-nas, or the folder of a network (RUN/retrain/NAME). For few "
            "recordings. There is no search then.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option(help="Decode every recording; find silence, damage, duplicates.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a config.")] = False,
) -> None:
    """Look at your recordings, print the findings, and write a config for 'asc-nas run'.

    It finds classes, sample rates, lengths, problems, and which recordings belong together. It cuts
    long recordings into clips. The settings suit the amount of data and the limits of your device.

    Example: asc-nas init my_recordings --max-macs 3M --max-kb 128
    """
    from asc_nas.cli.output import init_tables as tables
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.run import starter as own
    from asc_nas.search.chips import limits_of

    config = out or Path(f"{run_name(folder)}.yaml")
    starter, terminal = own.Starter(run_name(config), config), Terminal()
    if starter.exists and not force:
        raise UsageError(f"{config}: is there already; name another with --out, or add --force.")
    if max_latency_ms is not None and latency is None:
        raise UsageError(
            "--max-latency-ms needs a table of the device's times: add --latency FILE (its "
            "latency.json, see 'asc-nas latency kit') or --latency measure (this machine)."
        )
    if start_from is not None and (seconds or sample_rate or latency):
        raise UsageError(
            "--start-from takes the front end and the network of its weights: leave out --seconds, "
            "--sample-rate and --latency."
        )
    limits = {
        "max_macs": max_macs and int(max_macs),
        "max_macs_per_second": max_macs_per_second,
        "max_params": max_params and int(max_params),
        "max_param_bytes": max_kb and int(1000 * max_kb),
        "bytes_per_param": bytes_per_param,
        "max_ram_kb": max_ram_kb,
        "max_latency_ms": max_latency_ms,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    used = (limits_of(chip) if chip else {}) | given
    start = None
    if start_from is not None:
        from asc_nas.run.start import Start

        start = Start.read(start_from)
        seconds = start.frontend.seconds
        tables.print_origin(start)
    inspected = own.inspect(folder, starter, seconds, terminal)
    tables.print_look(inspected.found, inspected.manifest, inspected.seconds)
    tables.print_blocks(inspected)
    if check:
        inspected, report = own.check(inspected, terminal)
        tables.print_check(report)
    else:
        tables.print_unreadable(inspected.found)
    roles = own.divide(starter, inspected)
    tables.print_split(roles)
    if start is not None:
        assert start_from is not None
        own.write_started(starter, inspected, roles, start_from, start, used)
        tables.print_started(starter, inspected)
        return
    chosen = own.write(starter, inspected, roles, used, latency, sample_rate)
    tables.print_written(starter, inspected, chosen)


def run_name(path: Path) -> str:
    """Return a name for a run from that of a folder or a file, as the user calls it."""
    called = path if path.name not in ("", "..") else path.resolve()  # a link has its own name
    name = called.stem if path.suffix in _FILES else called.name
    return re.sub(r"^[^A-Za-z0-9]+|[^A-Za-z0-9._-]+", "_", name).lstrip("_") or "own"
