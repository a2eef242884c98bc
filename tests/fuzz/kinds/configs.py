"""Configs: changed settings, changed text, and YAML that means much more than it holds."""

from random import Random

import yaml
from tiny import TINY

from fuzz.case import Case, Kind, load
from fuzz.mutators import TOKENS, mutated_data, mutated_text

CONFIG = TINY | {"data": {"dataset": "folders", "test_folds": [], "test_fraction": 0.25}}
_NINES = "[" + ", ".join("x" * 9) + "]"


def _aliases(rng: Random) -> str:
    """Lists of the list before: 9 to the power of their number."""
    many = rng.choice((2, 5, 9, 30))
    lines = [f"a0: &a0 {_NINES}"]
    for i in range(1, many):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]")
    if rng.random() < 0.5:
        lines.append(f"space: {{kernels: *a{many - 1}}}")
    return "\n".join([*lines, f"name: *a{many - 1}"])


def _merges(rng: Random) -> str:
    lines = ["a0: &a0 {x: 1}"]
    for i in range(1, rng.choice((3, 7, 20))):
        lines.append(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}")
    return "\n".join(lines)


def _deep(rng: Random) -> str:
    levels = rng.choice((15, 50, 500, 20_000))
    opening, closing = rng.choice((("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")))
    return "name: " + opening * levels + "x" + closing * levels


def _scalar(rng: Random) -> str:
    values = (
        *("9" * 5000, "-" + "9" * 100_000, "0x" + "f" * 100_000, "0b" + "1" * 50_000, "0o8", "0x_"),
        *("2026-99-99", "2026-01-01", "2026-01-01T99:99:99Z", ":".join(["59"] * 3000), "1:2.5"),
        *(":".join(["59"] * 3000) + ".5", ".inf", "-.inf", ".nan", "1e400", "1e-400"),
        *("1" * 310 + ".0",),
        *("!!int x", "!!float x", "!!bool q", "!!timestamp q", "!!binary '###'", "!!set {a, b}"),
        *("!!omap [1]", "!!pairs [1]", "!!python/object/apply:os.system [id]", "!x y", "!!str 1"),
        *("*nothing", "&a [*a]", "&a {b: *a}", "? [a]", "{[a]: b}", "{{a: 1}: b}", "{a: 1, a: 2}"),
        *("~", "|\n  a\n  b", "'\0'", '"\\ud800"', '"\\x1b[2J"', "x" * 2_000_000),
        *("[" + "x," * 300_000,),
    )
    keys = ("name", "seed", "budget", "supernet", "supernet: {epochs", "frontend", "data: {folder")
    key = rng.choice(keys)
    return f"{key}: {rng.choice(values)}{'}' if '{' in key else ''}\nname: x\n"


def _changed(rng: Random) -> tuple[str, bytes]:
    made, values = mutated_data(CONFIG, rng)
    return made, yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")


def _text(rng: Random) -> tuple[str, bytes]:
    return mutated_text(yaml.safe_dump(CONFIG), rng)


def _made(rng: Random) -> tuple[str, bytes]:
    maker = rng.choice((_aliases, _merges, _deep, _scalar, _scalar, _scalar))
    return maker.__name__[1:], maker(rng).encode()


def _case(rng: Random) -> Case:
    if rng.random() < 0.15:
        keys = ("name", "seed", "supernet.epochs", "space.kernels", "a.b.c", "", "frontend")
        key = rng.choice(keys)
        setting = f"{key}={rng.choice(TOKENS)}".replace("\0", "")
        text = setting.encode("utf-8", "replace").decode()
        call = ("asc-nas", "export", "c.yaml", "3", "--set", text)
        return Case(f"--set {key}", call, {"c.yaml": yaml.safe_dump(CONFIG).encode()})
    made, content = rng.choice((_changed, _changed, _text, _made))(rng)
    call = rng.choice(
        (
            ("asc-nas", "export", "c.yaml", "3"),
            ("asc-nas", "evaluate", "c.yaml", "baseline"),
            ("asc-nas", "crossval", "c.yaml", "--data", "nowhere", "--out", "out/run"),
        )
    )
    if rng.random() < 0.2:  # the settings that a run was made with
        call = ("asc-nas", "export", "run", "3")
        return Case(f"of a run, {made}", call, {"run/config.yaml": content})
    return Case(made, call, {"c.yaml": content})


def _prepare() -> None:
    load("asc_nas.run.crossval", "asc_nas.run.run", "asc_nas.run.scoring")


KINDS = (Kind("config", _case, _prepare),)
