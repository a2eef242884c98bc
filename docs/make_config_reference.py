"""Write docs/CONFIG.md, the reference of a run's settings, from the classes that hold them.

python docs/make_config_reference.py
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from asc_nas.audio.logmel import PRESETS
from asc_nas.core.files import write_text
from asc_nas.run.config import RunConfig
from asc_nas.run.opening import MAY_CHANGE, TOLD
from asc_nas.search.chips import CHIPS, SHARE, Chip
from asc_nas.search.limits import LIMIT_PRESETS
from asc_nas.search.strategies import STRATEGIES
from asc_nas.space.skeleton import skeleton_from, skeleton_names

TARGET = Path(__file__).with_name("CONFIG.md")
INTRODUCTION = """\
# Settings of a run

Made from the code by `python docs/make_config_reference.py`; do not edit it.

A config is a YAML file. `asc-nas init` writes one for your recordings; [configs](../configs) has
examples. `supernet.epochs` stands in it as `epochs` in the group `supernet`. On a command line it
is `--set supernet.epochs=75`. Values there are YAML too: `--set shrinking=null`,
`--set "data.test_folds=[1, 2]"`. Only what is marked *needed* must be given.

When you resume a run, you may change {}.
You may also change {} and add `baselines`; the run then ends otherwise.
Any other change makes another run, which needs another directory (`--out`).

What is said of ESC-10 and of spoken digits was [measured](RESULTS.md) there. Your recordings may
differ. A point is one per cent of accuracy.
"""
SKELETONS = {name: skeleton_from(name) for name in skeleton_names()}
NAMED = {"frontend": PRESETS, "skeleton": SKELETONS, "search.limits": LIMIT_PRESETS}
LISTED = {"search.limits": tuple(CHIPS)}
"""Ready-made ones that stand in a table of their own."""
CHIPS_TABLE = f"""
Chips, as `search.limits: NAME`, `--limits NAME` or `asc-nas init --chip NAME`. A network in int8
may take {SHARE:g} of the RAM and of the flash; the rest is for the program around it. The clock
is no limit by itself: set `max_macs` or `max_latency_ms` by what the program needs.

| name | chip | flash, KiB | RAM, KiB | clock, MHz | source |
|---|---|---|---|---|---|"""
WORDS = {"integer": "whole number", "string": "text", "boolean": "true or false"}
BOUNDS = dict(exclusiveMinimum="above", minimum="from", exclusiveMaximum="below", maximum="to")


def reference() -> str:
    """Return the whole reference as Markdown."""
    schema = RunConfig.model_json_schema()
    groups = dict(_groups(schema, schema["$defs"]))
    for name in STRATEGIES:  # each has settings of its own
        own = STRATEGIES[name].model_json_schema()["properties"]
        groups["search.strategy"]["properties"] |= own
    places: dict[tuple[str, ...], list[str]] = {}  # several for what is inherited
    for place, group in groups.items():
        for name, setting in group["properties"].items():
            if "description" not in setting:
                raise ValueError(f"{place}.{name} needs a docstring below it, not its class's")
            same = name, setting["description"], _yaml(setting.get("default"))
            places.setdefault(same, []).append(place)
    sections: dict[tuple[str, ...], list[str]] = {}
    for (name, *_), where in places.items():
        sections.setdefault(tuple(where), []).append(name)
    may_change = (", ".join(f"`{key.strip('.')}`" for key in keys) for keys in (MAY_CHANGE, TOLD))
    parts = [INTRODUCTION.format(*may_change), f"Groups: {', '.join(map(_link, sections))}."]
    for where, names in sections.items():
        wider = [_link(more) for more in sections if set(where) < set(more)]
        shared = "What these groups have in common."
        text = groups[where[0]]["description"] if len(where) == 1 else shared
        text += f"\n\nThe settings of {' and '.join(wider)} stand here too." if wider else ""
        head = f"\n## {', '.join(where)}\n\n{text}\n\n| setting | value | default | meaning |"
        parts += [head, "|---|---|---|---|", *(_row(where, name, groups) for name in names)]
        if where[0] in NAMED:
            presets, apart = NAMED[where[0]].items(), LISTED.get(where[0], ())
            ready = (f"- `{name}`: `{_yaml(is_)}`" for name, is_ in presets if name not in apart)
            parts += ["\nReady-made:\n", *ready]
        if where[0] in LISTED:
            parts += [CHIPS_TABLE, *map(_chip_row, CHIPS.values())]
    return "\n".join(parts).replace("``", "`") + "\n"


def _groups(setting: Any, classes: dict[str, Any], place: str = "run") -> Iterator[tuple[str, Any]]:
    """Yield every group of settings with its place, such as ``skeleton.stages[]``."""
    setting = classes.get(setting.get("$ref", "").rpartition("/")[2], setting)
    if "properties" in setting:
        yield place, setting
    for name, inner in setting.get("properties", {}).items():
        yield from _groups(inner, classes, f"{place}.{name}".removeprefix("run."))
    for option in setting.get("anyOf", ()):
        yield from _groups(option, classes, place)
    for kind, inside in (("items", "[]"), ("additionalProperties", ".NAME")):
        if setting.get(kind):
            yield from _groups(setting[kind], classes, place + inside)


def _row(where: tuple[str, ...], name: str, groups: dict[str, Any]) -> str:
    keys = [f"{place}.{name}".removeprefix("run.") for place in where]
    group, named = groups[where[0]], NAMED.get(keys[0], {})
    setting = group["properties"][name]
    default = setting.get("default", {})
    names = [preset for preset, is_ in named.items() if to_jsonable_python(is_) == default]
    shown = f"`{names[0] if names else _yaml(default)}`"
    if name in group.get("required", ()):
        shown = "*needed*"
    elif isinstance(default, dict) and default and not names:
        shown = "as below"
    value = "a name or " * bool(named) + _value(setting)
    meaning = " ".join(setting["description"].split()).replace("|", "\\|")
    return f"| `{'`<br>`'.join(keys)}` | {value} | {shown} | {meaning} |"


def _chip_row(chip: Chip) -> str:
    cells = chip.title, chip.flash_kib, chip.ram_kib, chip.clock_mhz
    return f"| `{chip.name}` | {' | '.join(map(str, cells))} | {chip.source} |"


def _value(setting: Any, plural: str = "") -> str:
    """Say in words what a setting may be."""
    options = [_value(option, plural) for option in setting.get("anyOf", ())]
    options += [f"`{choice}`" for choice in setting.get("enum", ())]
    kind = setting.get("type", "group")
    if options:
        return " or ".join(options)
    if kind == "array":
        several = setting.get("items") or setting["prefixItems"][0]
        return f"{'list' if 'items' in setting else 'pair'}{plural} of {_value(several, 's')}"
    if kind == "object":
        return f"{_value(setting['additionalProperties'], 's')} by name"
    given = {word: setting[rule] for rule, word in BOUNDS.items() if rule in setting}
    bounds = [
        f"{word} {most:{',' if isinstance(most, int) else 'g'}}" for word, most in given.items()
    ]
    return " ".join([WORDS.get(kind, kind) + plural, *bounds])


def _yaml(value: Any) -> str:
    return json.dumps(to_jsonable_python(value, exclude_none=True)).replace('"', "")


def _link(where: tuple[str, ...]) -> str:
    title = ", ".join(where)
    return f"[{title}](#{re.sub('[^a-z_ -]', '', title.lower()).replace(' ', '-')})"


if __name__ == "__main__":
    write_text(TARGET, reference())
