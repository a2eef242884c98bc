"""The checkout's models come with a base install, and one of them is taken where none is named."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import soundfile
from toy_classifier import RATE, tones, write_toy_model

from asc_nas.runtime.model_files import DEFAULT_MODEL

pytest.importorskip("setuptools", minversion="77", reason="wheels are built with setuptools >= 77")
ROOT = Path(__file__).parents[2]
BUILT = ("asc_nas", "configs", "data_prep", "pyproject.toml", "setup.py", "README.md", "LICENSE")
pytestmark = pytest.mark.slow


def build(checkout, kind, target):
    """Build an sdist or a wheel of `checkout` with the setuptools at hand; return its path."""
    target.mkdir(exist_ok=True)
    script = f"from setuptools import build_meta; build_meta.build_{kind}({str(target)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = target.iterdir()
    return built


@pytest.fixture
def checkout(tmp_path):
    """A copy of the checkout with a small model of the default name and another one."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in BUILT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    for name in (DEFAULT_MODEL, "another"):
        written = write_toy_model(copy / "models")
        for suffix in (".onnx", ".json"):
            written.with_suffix(suffix).rename(copy / "models" / f"{name}{suffix}")
    return copy


def test_a_wheel_made_from_the_sdist_classifies_without_naming_a_model(checkout, tmp_path):
    with tarfile.open(build(checkout, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    installed = tmp_path / "installed"
    with zipfile.ZipFile(build(unpacked, "wheel", tmp_path / "wheel")) as archive:
        archive.extractall(installed)
    found = sorted(path.name for path in (installed / "asc_nas" / "models").iterdir())
    assert found == [
        "another.json",
        "another.onnx",
        f"{DEFAULT_MODEL}.json",
        f"{DEFAULT_MODEL}.onnx",
    ]
    assert not (installed / "models").exists()
    configs = {path.name for path in (installed / "asc_nas" / "configs").glob("*.yaml")}
    assert configs == {path.name for path in (ROOT / "configs").glob("*.yaml")}
    assert (installed / "asc_nas" / "py.typed").exists()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    soundfile.write(elsewhere / "a.wav", tones("low", seconds=1).T, RATE)
    environment = {key: value for key, value in os.environ.items() if key != "ASC_NAS_MODELS"}
    command = [sys.executable, "-m", "asc_nas.cli.main"]
    for arguments in (["models", "list"], ["classify", "a.wav", "--format", "json"]):
        done = subprocess.run(
            command + arguments,
            cwd=elsewhere,
            env=environment | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if arguments[0] == "models":
            assert str(installed) in done.stdout  # not the checkout that runs this test
    assert json.loads(done.stdout)[0]["label"] == "low"
    done = subprocess.run(
        [*command, "run", "nasc", "--set", "seed=-1"],
        cwd=elsewhere,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{installed / 'asc_nas' / 'configs' / 'nasc.yaml'}: 'seed'" in done.stderr


def test_a_checkout_without_models_is_built_with_all_packages(checkout, tmp_path):
    shutil.rmtree(checkout / "models")
    with zipfile.ZipFile(build(checkout, "wheel", tmp_path / "wheel")) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.startswith(("models/", "asc_nas/models/"))]
    for package in ("asc_nas", "data_prep"):
        sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
        assert sources <= set(names)
