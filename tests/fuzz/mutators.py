"""Ways to change bytes, text and plain data; each draws from a random generator alone."""

import contextlib
import copy
import json
from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TOKENS = (
    *("", " ", "\0", "\ufeff", "\t", "\r", "\n", "\r\n", '"', "'", ",", ";"),
    *("\\", "=1+1", "\x1b[2J"),
    *("\u202e", "\u2028", "\ud800", "é", "公園", "../../x", "/etc/passwd", "a" * 5000, "-0", "nan"),
    *("NaN", "inf", "-1", "1e400", "1e308", "9" * 400, "9" * 5000, "0x" + "f" * 99),
    *("1_0", "²", "1e-320"),
    *("null", "true", "[", "{", "}", "]", "&a", "*a", "<<: *a", "%s", "{}"),
    *("!!python/name:os.system",),
    *("2026-99-99", "1:2:3", ".", "..", "CON", "__proto__", "=cmd|' /C calc'!A0"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 10**6, 2**31, 2**63, 10**18, 10**400, -(10**30)),
    *(0.0, -0.0, 1e-320, 1e-9, 0.5, 1e9, 1e308, float("inf"), float("nan")),
    *("", "x", "a" * 20_000, "\x1b[2J", "\ud800", "0", "1", "../../x", "t5e2w1", "²"),
    *([], {}, [[]], [1], ["a"], {"a": 1}, [None] * 1000, list(range(3))),
)
"""What may stand where something else is expected."""


def mutated_bytes(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Return what was done, and the result of one to three changes."""
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice(BYTES)
        content = change(content or b"\0", rng)
        names.append(change.__name__)
    return " ".join(names), content


def truncated(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flipped(content: bytes, rng: Random) -> bytes:
    return _flipped(content, rng, len(content))


def flipped_head(content: bytes, rng: Random) -> bytes:
    return _flipped(content, rng, min(80, len(content)))


def _flipped(content: bytes, rng: Random, end: int) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 4, 30))):
        changed[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def number(content: bytes, rng: Random) -> bytes:
    """Write a number of 1, 2, 4 or 8 bytes, mostly near the beginning."""
    size, order = rng.choice((1, 2, 4, 4, 8)), rng.choice(("little", "big"))
    value = rng.choice((*NUMBERS, rng.getrandbits(64))) & (256**size - 1)
    end = len(content) if rng.random() < 0.3 else min(100, len(content))
    at = rng.randrange(end)
    return content[:at] + value.to_bytes(size, order) + content[at + size :]


def overwritten(content: bytes, rng: Random) -> bytes:
    size = rng.randrange(1, max(2, len(content) // 3))
    at = rng.randrange(len(content))
    filling = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    return content[:at] + filling + content[at + size :]


def cut_out(content: bytes, rng: Random) -> bytes:
    size, at = rng.randrange(1, max(2, len(content) // 3)), rng.randrange(len(content))
    return content[:at] + content[at + size :]


def inserted(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + rng.randbytes(rng.choice((1, 4, 100, 5000))) + content[at:]


def repeated(content: bytes, rng: Random) -> bytes:
    """Let a part stand several times, or the whole file twice."""
    size, at = rng.choice((4, 16, 64, len(content))), rng.randrange(len(content))
    part = content[at : at + size]
    return content[:at] + part * rng.choice((2, 3, 200)) + content[at + size :]


def emptied(content: bytes, rng: Random) -> bytes:
    return b""


BYTES = (
    *(truncated, flipped, flipped, flipped_head, number, number, number, overwritten, cut_out),
    *(inserted, repeated, emptied),
)


def mutated_text(text: str, rng: Random) -> tuple[str, bytes]:
    """Return what was done to a text of lines, and the result in some encoding."""
    names = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        change = rng.choice(TEXT)
        text = change(text, rng)
        names.append(change.__name__)
    encoding = rng.choice(("utf-8",) * 12 + ("utf-8-sig", "utf-16", "latin-1"))
    errors = "surrogatepass" if encoding.startswith("utf") else "replace"
    return f"{' '.join(names)} in {encoding}", text.encode(encoding, errors)


def token(text: str, rng: Random) -> str:
    """Put a token somewhere, in place of nothing or of a few characters."""
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(TOKENS) + text[at + rng.choice((0, 0, 1, 5, 20)) :]


def cell(text: str, rng: Random) -> str:
    """Replace a word."""
    words = text.split(" ") if rng.random() < 0.5 else text.split(",")
    words[rng.randrange(len(words))] = rng.choice(TOKENS)
    return ("," if "," in text else " ").join(words)


def line_twice(text: str, rng: Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join([*lines[:at], *[lines[at]] * rng.choice((2, 2, 500)), *lines[at + 1 :]])


def line_lost(text: str, rng: Random) -> str:
    lines = text.split("\n")
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def shuffled(text: str, rng: Random) -> str:
    lines = text.split("\n")
    rng.shuffle(lines)
    return "\n".join(lines)


def cut(text: str, rng: Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


TEXT = (token, token, token, cell, line_twice, line_lost, shuffled, cut)


def mutated_data(value: Any, rng: Random) -> tuple[str, Any]:
    """Return what was done to plain data (as JSON gives it), and the result."""
    value, names = copy.deepcopy(value), []
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(value))
        if not places:
            break
        node, key = rng.choice(places)
        change = rng.choice(("value", "value", "value", "remove", "rename", "deep", "grow", "near"))
        _change(node, key, change, rng)
        names.append(f"{change} {str(key)[:30]}")
    return ", ".join(names), value


def _change(node: Any, key: Any, change: str, rng: Random) -> None:
    if change == "remove":
        del node[key]
    elif change == "rename" and isinstance(node, dict):
        node[rng.choice(TOKENS)] = node.pop(key)
    elif change == "deep":
        for _ in range(rng.choice((3, 30, 300))):
            node[key] = rng.choice(([node[key]], {"a": node[key]}))
    elif change == "grow" and isinstance(node[key], list | str):
        node[key] = node[key] * rng.choice((2, 1000))
    elif change == "near" and isinstance(node[key], int | float):
        near = (lambda x: x + 1, lambda x: -x, lambda x: x * 1000, lambda x: x * 0.14)
        with contextlib.suppress(OverflowError):  # of an integer larger than any float
            node[key] = rng.choice(near)(node[key])
    else:
        node[key] = copy.deepcopy(rng.choice(VALUES))


def _places(value: Any) -> Any:
    """Yield (container, key) of everything inside plain data."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
