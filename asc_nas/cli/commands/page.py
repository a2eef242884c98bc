"""``asc-nas page``: a model as one HTML file that classifies in a browser, offline."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.cli.commands.models import ModelArgument


def page(
    model: ModelArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The file to write [default: NAME.html in the current folder].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a page to try a model on: drop a recording, or use the microphone.

    The page is one HTML file. It opens in a browser without a network; the model runs in it, and no
    sound leaves it. It takes float models.

    Example: asc-nas page esc10 --out esc10.html
    """
    from asc_nas.cli.output.licence import print_licence
    from asc_nas.export.page.page import page as write
    from asc_nas.runtime.card import ModelCard
    from asc_nas.runtime.model_files import find_card

    file = write(model, out)
    print_licence(ModelCard.read(find_card(model).with_suffix(".json")))
    typer.echo(f"{file} ({file.stat().st_size / 1000:.0f} kB)")
