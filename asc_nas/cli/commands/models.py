"""``asc-nas models``: what ``classify`` finds by name, cards, and whether files are whole."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.completion import complete_model
from asc_nas.cli.output.text import shown
from asc_nas.core.errors import AscNasError

if TYPE_CHECKING:
    from asc_nas.runtime.card import ModelCard

app = typer.Typer(
    no_args_is_help=True,
    help="List the models that 'classify' finds by name, show their cards, check their files.",
)

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A name from 'asc-nas models list', a folder with one model, or NAME.onnx.",
        autocompletion=complete_model,
    ),
]


@app.command("list")
def list_models() -> None:
    """List the models that you can use by name, in search order.

    asc-nas searches ./models, then the folders of $ASC_NAS_MODELS, then its own models. A model is
    two files, NAME.onnx and its card NAME.json. Put yours into one of these folders, or give its
    path.

    Example: asc-nas models list
    """
    from rich.table import Table
    from rich.text import Text

    from asc_nas.cli.output.network_tables import print_table
    from asc_nas.runtime.card import ModelCard
    from asc_nas.runtime.model_files import VARIABLE, installed_models, model_folders

    columns = ("Name", "Scenes", "Rate", "Accuracy", "MACs", "Size", "Data", "Folder")
    table = Table(*columns, box=None, header_style="bold")
    installed = installed_models()
    for model in installed:
        folder = Text(shown(model.card_path.parent))  # as Text: a path may hold brackets
        if model.hidden:
            folder.append(" (hidden by the one above)", style="dim")
        try:
            row = _row(ModelCard.read(model.card_path))
        except AscNasError as error:
            row = ("",) * 5 + (shown(str(error)),)
        table.add_row(Text(shown(model.name)), *map(Text, row), folder)
    if installed:
        print_table(table)
        return
    looked = ", ".join(map(str, model_folders()))
    typer.echo(f"No models in {looked}. Copy NAME.onnx and NAME.json there, or set {VARIABLE}.")


@app.command("show")
def show(
    model: ModelArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card itself.")] = False,
) -> None:
    """Show a model's card: its input, its answers, and its origin.

    Example: asc-nas models show runs/esc10/models/esc10-best.onnx
    """
    from asc_nas.runtime.card import ModelCard
    from asc_nas.runtime.model_files import find_card

    path = find_card(model)
    card = ModelCard.read(path)
    if as_json:
        typer.echo(json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    for title, text in _described(card, path):
        typer.echo(f"{title + ':':<13}{shown(text)}")


@app.command("verify")
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL...]",
            help="Models [default: all that 'asc-nas models list' lists].",
            autocompletion=complete_model,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check that models are complete: both files, the SHA-256 of the card, a network that fits it.

    The exit code is 1 if a model is not.

    Example: asc-nas models verify esc10 downloads/park.onnx
    """
    from asc_nas.runtime.card import ModelCard
    from asc_nas.runtime.classifier import Classifier
    from asc_nas.runtime.model_files import find_card, installed_models

    named: Sequence[str | Path] = models or [model.card_path for model in installed_models()]
    if not named:
        raise AscNasError("no models to verify; name one, or see 'asc-nas models list'.")
    failed = 0
    for model in named:
        try:
            card = ModelCard.read(find_card(model))
            for recorder in (None, *(each.recorder for each in card.recorders)):
                Classifier.load(model, recorder=recorder)
        except AscNasError as error:
            failed += 1
            typer.echo(f"failed: {shown(str(error))}")
        else:
            told = f"SHA-256 {card.sha256[:16]}, {len(card.labels)} scenes"
            typer.echo(f"ok: {shown(model)} ({told})")
    if failed:
        raise typer.Exit(1)


def _row(card: "ModelCard") -> tuple[str, ...]:
    accuracy = card.results.get("accuracy")
    return (
        str(len(card.labels)),
        f"{card.frontend.sample_rate / 1000:g} kHz",
        f"{accuracy:.3f}" if isinstance(accuracy, int | float) else "-",
        f"{card.macs / 1e6:.2f} M",
        f"{card.bytes / 1000:.0f} kB",
        f"{card.data.name} ({card.data.licence})",
    )


def _ram(card: "ModelCard") -> str:
    """Return the working memory that a device needs; empty if the card does not know it."""
    found = {"int8": card.ram_bytes, "float32": card.float_ram_bytes}
    told = [f"{ram:,} bytes in {kind}" for kind, ram in found.items() if ram is not None]
    return f"{', '.join(told)}: activations and buffers of the front end" if told else ""


def _recorders(card: "ModelCard") -> str:
    """Return the recording devices with networks of their own, and what these gain on test."""
    told = []
    for each in card.recorders:
        gain = ""
        if each.general is not None and each.adapted is not None:
            gain = f" (accuracy {each.adapted:.3f}, general network {each.general:.3f})"
        told.append(f"{each.recorder}{gain}")
    return ", ".join(told)


def _described(card: "ModelCard", path: Path) -> list[tuple[str, str]]:
    """Return the card as (title, text) lines."""
    front, data = card.frontend, card.data
    clips = f"{data.train_clips} train, {data.search_val_clips} search-val, {data.test_clips} test"
    numbers = {k: v for k, v in card.results.items() if isinstance(v, int | float)}
    lines = [
        ("name", card.name),
        ("files", f"{path.with_suffix('.onnx')}, {path.name}"),
        ("scenes", ", ".join(card.labels)),
        (
            "hears",
            f"{front.seconds:g} s at {front.sample_rate} Hz as {front.n_mels} mel bands x "
            f"{front.frames} frames",
        ),
        ("cost", f"{card.macs:,} MACs per window, {card.params:,} parameters"),
        ("RAM", _ram(card)),
        ("size", f"{card.bytes:,} bytes, {card.numeric_type}"),
        ("tested", ", ".join(f"{k} {v:.3f}" for k, v in numbers.items()) or "no results"),
    ]
    per_class = card.results.get("per_class")
    if isinstance(per_class, dict):
        known = ((name, f1) for name, f1 in per_class.items() if f1 is not None)
        worst = sorted(known, key=lambda item: item[1])
        lines.append(("F1 by scene", ", ".join(f"{name} {f1:.2f}" for name, f1 in worst)))
    lines += [
        ("recorder", card.recorder),
        ("recorders", _recorders(card)),
        ("data", f"{data.name}, {clips} clips; licence: {data.licence}"),
        ("source", data.source),
        ("network", f"{card.members} of {card.genotype}" if card.members > 1 else card.genotype),
        ("SHA-256", card.sha256),
        ("made with", card.created_with),
    ]
    return [(title, text) for title, text in lines if text]
