"""A disk that is full: the error names the file that could not be written."""

import errno
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import ENVIRONMENT, command

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.core.events import EventLog
from asc_nas.core.files import atomic_path, write_json, write_text
from asc_nas.core.locks import locked
from asc_nas.data.feature_store import Index
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.evaluation.result import LoggedEpoch
from asc_nas.export import latency_measure
from asc_nas.report.figures import write_figure
from asc_nas.training import checkpoint
from asc_nas.training.supernet_trainer import TrainingLog
from data_prep.checks import write_keys
from data_prep.results.dcase_results import write_results

resource = pytest.importorskip("resource")


@contextmanager
def room_for(size):
    """Let no file grow beyond `size` bytes, as on a disk with that much left."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def manifest():
    clips = (Clip("a.wav", "rain"), Clip("b.wav", "car"))
    return Manifest("set", Path("/x"), ("rain", "car"), clips)


def figure():
    from matplotlib.figure import Figure

    made = Figure()
    made.subplots().plot([1, 2])
    return made


def lock(path):
    with locked(path.parent, "wait"):
        pass


WRITERS = {
    "a.txt": lambda path: write_text(path, "a" * 100),
    "a.json": lambda path: write_json(path, {"format": "f"}),
    "log.json": lambda path: TrainingLog(epochs=[LoggedEpoch(epoch=1, loss=0.5)]).write(path),
    "m.parquet": lambda path: manifest().write(path),
    "w.safetensors": lambda path: checkpoint.save(path, torch.nn.Linear(2, 2), {}),
    "index.json": lambda path: Index({}, "", "", ("a",), (1,)).write(path.parent),
    "events.jsonl": lambda path: EventLog(path, path / "none").write("run", {"loss": 1.0}),
    ".lock": lock,
    "bad.txt": lambda path: write_keys(path, ["a.wav"]),
    "out.csv": lambda path: write_results(path, ["a.wav"], np.eye(1, 2), ("x", "y"), "labels"),
    "latency.json": lambda path: latency_measure.write_json(path, {"ms": [1.0] * 10}),
    "plot.png": lambda path: write_figure(figure(), path.with_suffix("")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_file_is_named_and_what_was_there_is_left(tmp_path, name):
    target = tmp_path / name
    write = WRITERS[name]
    room = 0 if name == ".lock" else 2
    with room_for(room), pytest.raises(OSError, match=r"(?i)file too large") as error:
        write(target)
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(target)
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == (
        [tmp_path / "latency.json.tmp"] if name == "latency.json" else []
    )


def test_the_features_name_their_file(tmp_path):
    from data_prep.feature_writer import FeatureWriter, create_arrays

    front = FrontEnd(
        sample_rate=8000, n_mels=4, win_length=64, hop_length=64, n_fft=64, seconds=0.1
    )
    index = Index(front.model_dump(), front.fingerprint, "", ("a",), (1,))
    create_arrays(tmp_path, index, front)
    writer = FeatureWriter(tmp_path, index)
    told = rf"{tmp_path}/features\.npy: cannot be written \(File too large\)"
    with room_for(8), pytest.raises(AscNasError, match=told):
        writer.add(0, np.zeros((1, 4, front.frames), np.float16))


@pytest.mark.parametrize(
    "error", [OSError(errno.EROFS, "Read-only file system"), OSError(errno.ENOSPC, "No space")]
)
def test_what_the_system_says_of_the_temporary_file_is_said_of_the_file(
    tmp_path, monkeypatch, error
):
    target = tmp_path / "a.txt"

    def refuse(path, *arguments, **options):
        error.filename = str(path)
        raise error

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OSError, match=r"'[^']*/a\.txt'$"):
        write_text(target, "a")


def test_an_error_about_another_file_is_left_alone(tmp_path):
    with pytest.raises(FileNotFoundError) as told, atomic_path(tmp_path / "a.txt"):
        (tmp_path / "other.wav").read_bytes()
    assert Path(told.value.filename) == tmp_path / "other.wav"


def test_the_command_line_says_which_file(tmp_path):
    for label in ("car", "rain"):
        (tmp_path / "d" / label).mkdir(parents=True)
        (tmp_path / "d" / label / "a.wav").touch()
    target = tmp_path / "m.parquet"
    call = command("data", "prepare", "folders", tmp_path / "d", "--out", target)
    limited = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)); " \
              f"sys.argv[1:] = {call[3:]!r}; from asc_nas.cli.main import main; main()"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, env=ENVIRONMENT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {target}: File too large; ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_an_output_that_cannot_be_written_is_an_error():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("data", "list"), stdout=full, stderr=subprocess.PIPE, text=True,
            env=ENVIRONMENT | {"PYTHONUNBUFFERED": ""}, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "error: standard output: No space left on device; free space or check permissions, then "
        "retry.\n"
    )
