import json
import subprocess
import sys

from typer.testing import CliRunner

from asc_nas import machine
from asc_nas.cli.main import app


def facts(*blocked):
    """Run the doctor in a process that lacks some packages; return its facts and exit code."""
    code = (
        "import sys, importlib.metadata as metadata\n"
        "version, blocked = metadata.version, sys.argv[1].split()\n"
        "def without(name):\n"
        "    if name in blocked:\n        raise metadata.PackageNotFoundError(name)\n"
        "    return version(name)\n"
        "metadata.version = without\n"
        "for name in blocked:\n    sys.modules[name] = None\n"
        "from asc_nas.cli.main import main\nmain(['doctor', '--json'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, " ".join(blocked)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return {
        (fact["group"], fact["name"]): fact for fact in json.loads(done.stdout)
    }, done.returncode


def test_versions_audio_formats_and_the_machine_are_told():
    found, code = facts("torch")
    assert code == 0
    assert found["base", "numpy"]["value"][0].isdigit()
    for name in ("WAV", "FLAC", "OGG (vorbis)"):
        assert found["audio", name]["value"] == "can be read"
    assert {("machine", "cores"), ("machine", "disk"), ("models", "searched")} <= found.keys()


def test_a_missing_optional_part_is_advice_and_not_a_failure():
    found, code = facts("torch")
    assert code == 0
    assert "asc-nas[search]" in found["search", "torch"]["advice"]


def test_a_missing_part_of_the_base_fails():
    found, code = facts("torch", "onnxruntime")
    assert code == 1
    assert found["base", "onnxruntime"]["fails"]


def test_the_report_for_people_has_a_line_per_fact():
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "libsndfile" in done.output


def test_a_containers_limits_count(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert machine.cores()[0] == 1
    assert machine.total_memory() == 1_000_000
    assert machine.available_memory() == 600_000


def test_no_limits_are_no_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    unlimited = machine.cores()[0], machine.total_memory()
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert (machine.cores()[0], machine.total_memory()) == unlimited
