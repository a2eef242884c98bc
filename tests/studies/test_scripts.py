"""Every script can be imported, and goes by the library alone."""

import ast
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "studies", ROOT / "benchmarks")
SCRIPTS = sorted(path for folder in FOLDERS for path in folder.glob("*.py"))


def imported(script):
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_imports_what_there_is_and_not_the_command_line(script, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])
    runpy.run_path(str(script), run_name="script")
    assert not [name for name in imported(script) if name.startswith("asc_nas.cli")]


def test_no_two_scripts_have_one_name():
    assert len({path.name for path in SCRIPTS}) == len(SCRIPTS)  # studies import from benchmarks
