"""What a model may not be used for."""

import sys
from typing import TYPE_CHECKING

from asc_nas.cli.output.text import shown

if TYPE_CHECKING:
    from asc_nas.runtime.card import ModelCard


def print_licence(card: "ModelCard") -> None:
    """Print on standard error that a model is not for commercial use, if it is not."""
    data = card.data
    if data.is_non_commercial:
        print(
            f"note: {shown(card.name)} is not for commercial use: the licence of its recordings is "
            f"{shown(data.licence)}.",
            file=sys.stderr,
        )
