"""HTML and SVG from nested calls: text is escaped unless it was made here."""

import json
import math
from html import escape
from typing import Any


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Node = str | Markup | None

_VOID = {"img", "meta", "br", "hr", "input"}


def text(*nodes: Node) -> Markup:
    """Join nodes: plain text is escaped, markup is kept, None is left out."""
    kept = (node for node in nodes if node is not None)
    return Markup("".join(n if isinstance(n, Markup) else escape(str(n)) for n in kept))


def tag(element: str, /, *nodes: Node, **attributes: Any) -> Markup:
    """Return an element.

    ``class_`` is the attribute ``class``, other underscores stand for hyphens; an attribute that is
    None or False is left out, one that is True has no value.
    """
    parts = [element]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if element in _VOID else f"{opening}{text(*nodes)}</{element}>")


def captioned(caption: str, table: Markup, *, classes: str = "scroll") -> Markup:
    """Return a table that scrolls by itself, under a caption that does not."""
    region = tag("div", table, class_=classes, tabindex="0", role="region", aria_label=caption)
    return tag("div", tag("p", caption, class_="caption"), region)


def json_script(identity: str, value: Any) -> Markup:
    """Return a ``<script type="application/json">`` that no text within `value` can end.

    Numbers that are not finite, which JSON does not have, become null: a loss that diverged.
    """
    data = json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Markup(data), type="application/json", id=identity)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
