"""``asc-nas verify``: whether the C code of a kit answers as Python does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.core.errors import AscNasError

if TYPE_CHECKING:
    from rich.table import Table

    from asc_nas.export.firmware.verify import Verified


def verify(
    kit: Annotated[
        Path, typer.Argument(metavar="KIT", help="Folder that 'asc-nas export --target c' wrote.")
    ],
    chip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHIP",
            help="Where to run it: pc, cortex-m4, cortex-m7. May be given again [default: all].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compile the C code of a model, run it on this PC and on emulated chips, compare with Python.

    Its recordings are heard from the first sample to the label. The chips are emulated by QEMU, on
    Arm's boards AN386 (Cortex-M4) and AN500 (Cortex-M7): instructions are counted, not time.

    Example: asc-nas verify runs/demo/models/demo-best-c
    """
    from asc_nas.cli.output.network_tables import print_table
    from asc_nas.export.firmware.kit import Kit
    from asc_nas.export.firmware.toolchain import CHIPS, missing_tools
    from asc_nas.export.firmware.verify import verify as run

    seconds = Kit.read(kit / "kit.json").seconds
    found: list[Verified] = []
    for name in chip or CHIPS:
        if missing := missing_tools(name):
            needed = f"{', '.join(missing)} ({CHIPS[name].install})"
            typer.echo(f"{name}: skipped; install what is missing: {needed}.")
        else:
            found.append(run(kit, name))
    if not found:
        raise AscNasError(f"{kit}: nothing could be run; install a C compiler.")
    print_table(_table(found, seconds))
    if not all(verified.passed for verified in found):
        raise AscNasError(f"{kit}: the C code does not answer as Python does.")


def _table(found: "list[Verified]", seconds: float) -> "Table":
    """Return a table with a column per chip."""
    from rich.table import Table

    table = Table("", *(verified.chip for verified in found), box=None, header_style="bold")
    rows = {
        "labels as in Python": [f"{v.same_labels} of {v.clips}" for v in found],
        "logits as in Python": ["all" if v.same_logits else "NOT all" for v in found],
        "log-mel, largest difference": [f"{v.log_mel_db:.3f} dB" for v in found],
        "flash, bytes": [f"{v.flash:,}" for v in found],
        "RAM, bytes": [f"{v.ram:,}" for v in found],
        "stack, bytes": [f"{v.stack:,}" if v.stack else "-" for v in found],
        "front end, a second of audio": [_cost(v, v.front_end / seconds) for v in found],
        "network, an answer": [_cost(v, v.network) for v in found],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _cost(verified: "Verified", cost: float) -> str:
    if verified.stack:
        return f"{cost / 1e6:.2f} M instructions"
    return f"{cost / 1e6:.2f} ms"
