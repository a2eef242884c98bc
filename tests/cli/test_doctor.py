import json
import subprocess
import sys

from typer.testing import CliRunner

from asc_nas.cli.commands import doctor
from asc_nas.cli.main import app
from asc_nas.core import machine
from asc_nas.core.errors import AscNasError
from asc_nas.runtime import microphone
from asc_nas.runtime.microphone import Device


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


def test_chips_whose_tools_are_missing_are_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda tool: None if "arm" in tool else f"/usr/bin/{tool}")
    found = {fact.name: fact for fact in doctor.examine() if fact.group == "device"}
    assert found["cortex-m4"].value == "arm-none-eabi-gcc, qemu-system-arm missing"
    assert "apt-get install gcc-arm-none-eabi" in found["cortex-m4"].advice
    assert (found["pc"].value, found["pc"].advice) == ("can be verified on", "")
    assert not any(fact.fails for fact in found.values())


def test_a_missing_part_of_the_base_fails():
    found, code = facts("torch", "onnxruntime")
    assert code == 1
    assert found["base", "onnxruntime"]["fails"]


def test_the_report_for_people_has_a_line_per_fact_and_names_a_group_once(monkeypatch):
    said = [
        doctor.Fact("base", "numpy", "2.0"),
        doctor.Fact("base", "soundfile", "not installed", "install it", fails=True),
        doctor.Fact("machine", "cores", "2"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: said)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert [line.split() for line in done.output.splitlines()] == [
        ["base", "numpy", "2.0"],
        ["soundfile", "not", "installed", "->", "install", "it"],
        ["machine", "cores", "2"],
    ]


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


def test_without_sounddevice_there_is_advice_and_no_microphone():
    found, code = facts("torch", "sounddevice")
    assert code == 0
    assert "asc-nas[listen]" in found["listen", "sounddevice"]["advice"]
    assert ("listen", "microphone") not in found


def microphones(monkeypatch, input_devices):
    """Return what is said of microphones where sounddevice is installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr(microphone, "input_devices", input_devices)
    (fact,) = doctor._microphone()
    return fact.value, fact.advice


def test_the_default_microphone_is_named(monkeypatch):
    devices = [Device(0, "Built-in", 2, 48000, False), Device(3, "USB mic", 1, 44100, True)]
    assert microphones(monkeypatch, lambda: devices) == ("USB mic (default)", "")
    assert microphones(monkeypatch, lambda: devices[:1]) == ("none of 1 is the default", "")
    assert microphones(monkeypatch, list) == ("none", "")


def test_a_missing_library_of_sounddevice_is_advice(monkeypatch):
    def no_library():
        raise AscNasError("install PortAudio.")

    assert microphones(monkeypatch, no_library) == ("not usable", "install PortAudio.")
