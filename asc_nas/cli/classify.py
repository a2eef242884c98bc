"""``asc-nas classify``: label recordings with an exported model."""

import csv
import io
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_nas.errors import AscNasError, UsageError

if TYPE_CHECKING:
    from asc_nas.deploy.classifier import Classifier


class Format(StrEnum):
    """How the answers are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def classify(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="Audio files, or folders searched to the bottom."),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="NAME.onnx (its card NAME.json beside it), a folder that holds one model, or a "
            "name from the folder 'models'."
        ),
    ] = "models",
    top: Annotated[int, typer.Option(min=1, help="Scenes shown per file in the table.")] = 3,
    output: Annotated[
        Format, typer.Option("--format", help="table for people; json or csv for programs.")
    ] = Format.table,
) -> None:
    """Say which acoustic scene each recording is.

    A recording of any length, rate and number of channels will do. A file
    that cannot be read is listed with its error, the others are done all the
    same, and the exit code is 1.

    Example: asc-nas classify street.wav recordings/ --model esc10
    """
    found = find_audio(files)
    from asc_nas.deploy.classifier import Classifier

    entries = _classify_all(found, Classifier.load(model))
    _PRINTERS[output](entries, top)
    if any("error" in entry for entry in entries):
        raise typer.Exit(1)


def find_audio(files: list[Path]) -> list[Path]:
    """Return the files, with each folder replaced by the audio files in and below it, sorted.

    A path that does not exist is kept, so that it is listed with its error; hidden files in a
    folder are not; a file that is named twice comes once.

    Raises
    ------
    UsageError
        If nothing is left.
    """
    from asc_nas.audio.io import AUDIO_SUFFIXES

    found: dict[Path, None] = {}
    for path in files:
        inside = [path]
        if path.is_dir():
            below = (p for p in path.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
            inside = sorted(p for p in below if p.is_file() and not p.name.startswith("."))
        found.update(dict.fromkeys(inside))
    if not found:
        folders = ", ".join(map(_shown, files))
        known = " ".join(sorted(AUDIO_SUFFIXES))
        raise UsageError(f"no audio files in {folders} (looked for {known}).")
    return list(found)


def _classify_all(files: list[Path], classifier: "Classifier") -> list[dict[str, Any]]:
    """Return one entry per file, as in the JSON output."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    live = console.is_terminal and len(files) > 1
    entries: list[dict[str, Any]] = []
    for path in track(files, "Classifying", console=console, disable=not live, transient=True):
        try:
            entries.append(classifier.classify(path).to_json())
        except AscNasError as error:
            entries.append({"path": str(path), "error": str(error)})
    return entries


def _print_json(entries: list[dict[str, Any]], top: int) -> None:
    # Escaped to ASCII: a file name may hold what the terminal's encoding, or UTF-8, cannot.
    print(json.dumps(entries, indent=2))


def _print_csv(entries: list[dict[str, Any]], top: int) -> None:
    text = io.StringIO()
    columns = ["path", "label", "probability", "error"]
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(entries)
    sys.stdout.write(_shown(text.getvalue()))


def _print_table(entries: list[dict[str, Any]], top: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("File", "Scene", "Probability", box=None, header_style="bold")
    if top > 1:
        table.add_column("Next candidates", style="dim")
    for entry in entries:
        # As Text, since a file name may hold what rich takes for markup.
        name = Text(_shown(entry["path"]), overflow="fold")
        if "error" in entry:
            table.add_row(name, Text("not classified", style="red"), "")
            continue
        ranked = sorted(entry["scores"].items(), key=lambda item: -item[1])
        others = ", ".join(f"{label} {score:.1%}" for label, score in ranked[1:top])
        cells = [
            name,
            Text(entry["label"], style="bold green"),
            Text(f"{entry['probability']:.1%}"),
        ]
        table.add_row(*cells, *([Text(others)] if top > 1 else []))
    Console().print(table)
    for entry in entries:
        if "error" in entry:
            print(f"error: {_shown(entry['error'])}", file=sys.stderr)


def _shown(text: str | Path) -> str:
    """Return text that can be printed, whatever bytes a file name holds."""
    encoding = sys.stdout.encoding or "utf-8"
    return str(text).encode(encoding, "backslashreplace").decode(encoding)


_PRINTERS = {Format.table: _print_table, Format.json: _print_json, Format.csv: _print_csv}
