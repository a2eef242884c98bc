"""Write docs/RESULTS.md and docs/results/ from the figures in results/*.json.

python docs/make_results.py

A file has `format`, `title`, `about` (paragraphs), `tables` and `claims`. A claim is a row of the
front page: `part` (of `PARTS`), `claim`, `figure`, `data`, `seeds`, `command`. A table has `title`,
`columns`, `rows`, and may have `text` (before it), `data`, `seeds`, `command` (a list) and `notes`.
Text is Markdown. `overview.json` has no claims, but `topics`, the order of the others.
"""

import json
import textwrap
from pathlib import Path
from typing import Any

from asc_nas.core.files import write_text

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "results"
FORMAT = "asc-nas/results/1"
PARTS = {"good": "How good", "fast": "How fast", "missed": "What was missed"}
CLAIM = ("claim", "figure", "data", "seeds", "command")
MADE = "Made from `{}` by `python docs/make_results.py`; do not edit it."
MAX_WIDTH = 100

Document = dict[str, Any]


def pages() -> dict[Path, str]:
    """Return every page as Markdown, by its path."""
    overview = load("overview")
    topics = {name: load(name) for name in overview["topics"]}
    made = {DOCS / "results" / f"{name}.md": _topic(name, t) for name, t in topics.items()}
    return {DOCS / "RESULTS.md": _front(overview, topics), **made}


def load(name: str) -> Document:
    """Read one file of figures; numbers with a point stay as they are written.

    Raises
    ------
    ValueError
        If it is of another format.
    """
    text = (SOURCE / f"{name}.json").read_text(encoding="utf-8")
    document: Document = json.loads(text, parse_float=str)
    if document["format"] != FORMAT:
        raise ValueError(f"{name}.json has format '{document['format']}', not '{FORMAT}'")
    return document


def _front(overview: Document, topics: dict[str, Document]) -> str:
    lines = _head(overview, "results/*.json")
    for part, title in PARTS.items():
        rows = [
            [*(claim[key] for key in CLAIM[:-1]), f"`{claim['command']}`", _link(name, "more")]
            for name, topic in topics.items()
            for claim in topic["claims"]
            if claim["part"] == part
        ]
        lines += [f"## {title}", "", *_rows([*CLAIM, ""], rows)]
    lines += [line for table in overview["tables"] for line in _table(table)]
    listed = [_link(name, topic["title"]) for name, topic in topics.items()]
    return "\n".join([*lines, "## Details", "", *_items([*listed, "[Notebook](NOTEBOOK.md)"])])


def _topic(name: str, topic: Document) -> str:
    tables = [line for table in topic["tables"] for line in _table(table)]
    return "\n".join([*_head(topic, f"results/{name}.json"), *tables])


def _head(document: Document, source: str) -> list[str]:
    lines = [f"# {document['title']}", "", MADE.format(source), ""]
    return lines + _paragraphs(document["about"])


def _table(table: Document) -> list[str]:
    lines = [f"## {table['title']}", "", *_paragraphs(table.get("text", []))]
    known = [f"{key.capitalize()}: {table[key]}." for key in ("data", "seeds") if key in table]
    lines += _paragraphs([" ".join(known)] if known else [])
    if "command" in table:
        lines += ["```sh", *table["command"], "```", ""]
    if table["columns"]:
        lines += _rows(table["columns"], table["rows"])
    return lines + _items(table.get("notes", []))


def _rows(columns: list[str], rows: list[list[str | int]]) -> list[str]:
    cells = [columns, ["---"] * len(columns), *rows]
    return [*("| " + " | ".join(map(_cell, row)) + " |" for row in cells), ""]


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _paragraphs(texts: list[str]) -> list[str]:
    return [line for text in texts for line in (*_wrapped(text), "")]


def _items(texts: list[str]) -> list[str]:
    lines = [line for text in texts for line in _wrapped(f"- {text}", "  ")]
    return [*lines, ""] if lines else []


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, MAX_WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _link(name: str, text: str) -> str:
    return f"[{text}](results/{name}.md)"


if __name__ == "__main__":
    (DOCS / "results").mkdir(exist_ok=True)
    for path, text in pages().items():
        write_text(path, text)
