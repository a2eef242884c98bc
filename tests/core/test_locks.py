"""Two processes in one run directory: the second is told so, and a killed one leaves no lock."""

import subprocess
import sys
from contextlib import contextmanager

import portalocker
import pytest
from tiny import ENVIRONMENT, PATIENCE, asc_nas, command, write_config

from asc_nas.core.errors import AscNasError
from asc_nas.core.locks import locked, taking_turns
from data_prep.synthetic import Plan, generate

HOLD = (
    "import sys; from pathlib import Path; from asc_nas.core.locks import locked\n"
    "with locked(Path(sys.argv[1]), 'wait', shared=sys.argv[2] == 'shared'):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@contextmanager
def held(folder, how="alone"):
    """Another process holds the lock of `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def is_free(folder, *, shared=False):
    try:
        with locked(folder, "wait", shared=shared):
            return True
    except AscNasError:
        return False


def test_the_second_is_told_who_holds_the_lock_and_what_to_do(tmp_path):
    with held(tmp_path) as process, pytest.raises(AscNasError) as error, locked(tmp_path, "wait"):
        pass
    assert str(error.value).startswith(f"{tmp_path}: another asc-nas works here (process ")
    assert f"process {process.pid} on " in str(error.value)
    assert str(error.value).endswith("; wait.")


def test_a_killed_process_leaves_no_lock(tmp_path):
    with held(tmp_path) as process:
        assert not is_free(tmp_path)
        process.kill()
        process.wait()
        assert is_free(tmp_path)


def test_those_that_share_keep_out_only_who_does_not(tmp_path):
    with held(tmp_path, "shared"):
        assert is_free(tmp_path, shared=True)
        assert not is_free(tmp_path)
    with held(tmp_path):
        assert not is_free(tmp_path, shared=True)


def test_turns_are_waited_for(tmp_path):
    said = []
    with held(tmp_path) as process:

        def say(text):
            said.append(text)
            process.stdin.close()  # the other ends only now, so that this one must have waited

        with taking_turns(tmp_path, say):
            assert process.wait(PATIENCE) == 0
    assert len(said) == 1
    assert "waiting for another asc-nas" in said[0]
    with taking_turns(tmp_path, said.append):
        assert len(said) == 1  # free: nothing to say


def test_a_file_system_without_locks_is_worked_on_without(tmp_path, monkeypatch):
    def no_locks(*_):
        raise portalocker.LockException("Function not implemented")

    monkeypatch.setattr(portalocker, "lock", no_locks)
    assert is_free(tmp_path)
    with taking_turns(tmp_path, pytest.fail):
        pass


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Give a run to be, as a config and where it will be."""
    folder = tmp_path_factory.mktemp("locked")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    data = {"folder": str(folder / "recordings"), "workers": 1}
    return write_config(folder / "tiny.yaml", data=data), folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "arguments"),
    [
        ("alone", ("run", "--resume")),
        ("shared", ("run", "--resume", "--set", "retrain.members=9")),
        ("shared", ("supernet",)),
        ("alone", ("train", "baseline")),
        ("alone", ("latency", "measure")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_command_that_comes_second_ends_with_a_sentence_and_changes_nothing(
    run, tmp_path, how, arguments
):
    config, out = run[0], tmp_path / "run"
    with held(out, how):
        names = arguments[:2] if arguments[0] == "latency" else arguments[:1]
        done = asc_nas(*names, config, *arguments[len(names) :], "--out", out)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {out}: another asc-nas works here (process ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in out.iterdir()] == [".lock"]


@pytest.mark.slow
def test_two_trainings_of_different_networks_go_on_side_by_side(run):
    config, out = run
    both = [
        subprocess.Popen(
            command("train", config, name, "--out", out),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        for name in ("baseline", "square")
    ]
    for process, name in zip(both, ("baseline", "square"), strict=True):
        told, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
        assert name in told


@pytest.mark.slow
def test_of_two_trainings_of_the_same_network_the_second_is_refused_and_does_the_rest(run):
    config, out = run
    with held(out, "shared"), held(out / "retrain" / "baseline-seed7"):
        done = asc_nas("train", config, "baseline", "square", "--seed", 7, "--out", out)
    assert done.returncode == 1
    assert f"1 of 2 jobs failed: baseline, seed 7: {out}/retrain/baseline-seed7" in done.stderr
    assert "another asc-nas works here" in done.stderr
    assert "Traceback" not in done.stderr
    assert (out / "retrain/square-seed7/result.json").exists()
