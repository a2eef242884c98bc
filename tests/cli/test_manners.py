"""Help, completion, did-you-mean, colours: what every command owes its user."""

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tiny import ENVIRONMENT, asc_nas
from typer.testing import CliRunner

from asc_nas.cli.main import app

SCRIPT = Path(sys.executable).with_name("asc-nas")
COLOUR = re.compile(rb"\x1b\[[0-9;]*(3[0-7]|4[0-7]|9[0-7])[0-9;]*m")


def commands(group, path=()):
    for name, one in sorted(group.commands.items()):
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_the_help_of_every_command_has_an_example_of_it(path):
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    text = " ".join(done.output.split())
    assert re.search(rf"Examples?: asc-nas {' '.join(path)}\b", text), done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["clasify"], "'classify'"),
        (["models", "shwo"], "'show'"),
        (["classify", "--modle", "x"], "--model"),
        (["data", "prepare", "esc1", "."], "'esc10'"),
        (["data", "download", "tau_urban_2020_mobil"], "'tau_urban_2020_mobile'"),
        (["features", "m.parquet", "--frontend", "esc1"], "'esc10'"),
    ],
)
def test_a_misspelt_name_gets_the_closest(arguments, hint):
    done = asc_nas(*arguments)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr


@pytest.mark.slow
def test_a_config_that_is_not_there_gets_the_closest(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").touch()
    done = asc_nas("run", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'configs/mine.yaml'?" in done.stderr


def complete(*words, **variables):
    environment = {
        "_ASC_NAS_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("asc-nas", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        ["asc-nas"],
        executable=SCRIPT,
        capture_output=True,
        text=True,
        env=ENVIRONMENT | environment | variables,
        check=False,
    )
    return done.stdout.split()


def test_the_shell_completes_commands_datasets_and_models(tmp_path):
    if not SCRIPT.exists():
        pytest.skip(f"the command is not installed ({SCRIPT})")
    assert "classify" in complete("cl")
    assert complete("data", "prepare", "esc1") == ["esc10"]
    (tmp_path / "street.onnx").touch()
    assert "street" in complete("models", "show", "str", ASC_NAS_MODELS=str(tmp_path))


def on_terminal(code, **variables):
    """Return what Python code writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm-256color"} | variables,
    )
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # so Linux says that the other end is closed
        while piece := os.read(ours, 65536):
            written += piece
    os.close(ours)
    process.wait()
    return written


@pytest.mark.slow
def test_colours_are_for_terminals_without_no_color():
    lacking = (  # the doctor colours what is missing
        "from asc_nas.core import packages\n"
        "packages._version = lambda name: packages.MISSING\n"
        "from asc_nas.cli.main import main\nmain(['doctor'])\n"
    )
    assert COLOUR.search(on_terminal(lacking))
    without = on_terminal(lacking, NO_COLOR="1")
    assert b"not installed" in without
    assert not COLOUR.search(without)
    assert "\x1b[" not in asc_nas("doctor").stdout
