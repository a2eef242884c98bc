"""What a case may call: the command line, or a function that only a download calls."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from asc_nas.cli.main import main
from asc_nas.cli.output.text import shown
from asc_nas.core.errors import AscNasError


def _listen(name: str, *arguments: str) -> None:
    with Path(name).open("rb") as source:
        os.dup2(source.fileno(), 0)
    sys.stdin = os.fdopen(0)
    main(["listen", "-", *arguments])


def _unpack(archive: str, folder: str) -> None:
    from data_prep.download.archives import unpack

    _exit_like_main(lambda: unpack(Path(archive), Path(folder)))


def _prepare(name: str, folder: str) -> None:
    main(["data", "prepare", name, folder, "--out", "out/m.parquet"])


def _document(module: str, name: str, path: str) -> None:
    import importlib

    document = getattr(importlib.import_module(module), name)
    _exit_like_main(lambda: document.read(Path(path)))


def _exit_like_main(function: Callable[[], object]) -> None:
    try:
        function()
    except AscNasError as error:
        print(f"error: {shown(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)


CALLS: dict[str, Callable[..., None]] = {
    "asc-nas": lambda *arguments: main(list(arguments)),
    "listen": _listen,
    "unpack": _unpack,
    "prepare": _prepare,
    "document": _document,
}
