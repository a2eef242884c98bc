"""Jobs in processes that fail, die or are interrupted."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import PATIENCE, is_running, wait_until

from asc_nas.core.errors import AscNasError
from asc_nas.core.workers import DIED, processes, run_jobs


def square(number):
    if number == 1:
        time.sleep(0.3)  # so that the results hardly come in order
    return number * number


def fail_over_two(job):
    number, folder = job
    if number == 2:
        raise AscNasError("two is too many.")
    (folder / str(number)).touch()
    return number


def no_room(folder):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{folder}/weights")


def die_over_two(number):
    return number if number != 2 else os._exit(3)


def blunder(number):
    raise ValueError("a mistake of ours")


calls = 0


def counted(number):
    global calls
    calls += 1
    return number, calls


def threads(number):
    import torch

    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_jobs_and_progress_counts_them(workers):
    told = []
    results = run_jobs(square, [1, 2, 3, 4], workers, lambda *report: told.append(report))
    assert results == [1, 4, 9, 16]
    assert [(done, total) for done, total, _ in told] == [(n, 4) for n in (1, 2, 3, 4)]
    assert sorted(text for _, _, text in told) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_that_fails_is_named_and_the_others_are_done(workers, tmp_path):
    with pytest.raises(AscNasError, match=r"1 of 4 jobs failed: \(2, .*two is too many"):
        run_jobs(fail_over_two, [(n, tmp_path) for n in range(1, 5)], workers)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3", "4"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_system_in_a_job_is_a_sentence_that_names_the_file(workers):
    with pytest.raises(AscNasError) as error:
        run_jobs(no_room, ["a", "b"], workers)
    said = "{0}: {0}/weights: No space left on device; free space or check permissions, then retry."
    both = f"{said.format('a')} {said.format('b')}"
    assert str(error.value) == f"2 of 2 jobs failed: {both}"


def test_a_mistake_in_the_code_is_raised_as_it_is_with_the_job():
    with pytest.raises(ValueError, match="a mistake of ours") as error:
        run_jobs(blunder, ["first", "second"], 1)
    assert error.value.__notes__ == ["in first"]


def test_a_job_whose_process_dies_is_named_and_the_others_are_done():
    told = []
    with pytest.raises(AscNasError) as error:
        run_jobs(die_over_two, range(5), 2, lambda *report: told.append(report))
    assert str(error.value).startswith("1 of 5 jobs failed: 2: its worker process died (exit code")
    assert "fewer workers" in str(error.value)
    assert sorted(text for _, _, text in told) == ["0", "1", "2 failed", "3", "4"]


def test_a_pool_keeps_its_processes_and_what_they_know_between_calls():
    with processes(counted, 1) as submit:
        assert [submit(n).result() for n in range(3)] == [(0, 1), (1, 2), (2, 3)]
        assert submit(5).result() == (5, 4)


def test_a_pool_whose_idle_processes_died_says_so():
    others = set(multiprocessing.active_children())
    with processes(counted, 1) as submit:
        submit(0).result()
        (worker,) = set(multiprocessing.active_children()) - others
        worker.kill()
        with pytest.raises(DIED):
            submit(1).result()


@pytest.mark.slow
def test_a_worker_has_one_thread_and_this_process_keeps_its_setting(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    (first, variable, process), _ = run_jobs(threads, [0, 1], 2)
    assert (first, variable) == (1, "1")
    assert process != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "7"


SLEEPERS = """
import os, signal, sys, time
from pathlib import Path
from asc_nas.core.workers import run_jobs

def sleep(path):
    path.write_text(str(os.getpid()))
    time.sleep(3600)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by jobs of a shell's "&"
    run_jobs(sleep, [Path(sys.argv[1]) / str(n) for n in range(3)], 2)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_workers_end_with_an_interrupted_or_killed_parent(number, tmp_path):
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS)
    marks = tmp_path / "marks"
    marks.mkdir()
    parent = subprocess.Popen([sys.executable, script, marks], stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list(marks.glob("*"))) == 2 and all(map(read, marks.glob("*"))))
    workers = [int(read(mark)) for mark in marks.glob("*")]
    parent.send_signal(number)
    parent.wait(PATIENCE)
    wait_until(lambda: not any(map(is_running, workers)))
    assert len(list(marks.glob("*"))) == 2  # and the third job was not begun


def read(path: Path) -> str:
    return path.read_text()


SLOW_SECOND = """
import os, sys, time
if any("spawn_main" in argument for argument in sys.orig_argv):
    try:
        os.mkdir(os.environ["FIRST"])
    except FileExistsError:
        time.sleep(2)  # the second worker is still starting when the pool ends
"""
ENDS_SLOWLY = """
import signal, sys, time
from asc_nas.core.workers import processes

def work(number):
    signal.signal(signal.SIGTERM, lambda *_: (time.sleep(2.5), sys.exit()))
    return number

if __name__ == "__main__":
    with processes(work, 2) as submit:
        submit(1).result()
"""


@pytest.mark.slow
def test_a_worker_that_is_still_starting_when_the_pool_ends_says_nothing(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SLOW_SECOND)
    script = tmp_path / "script.py"
    script.write_text(ENDS_SLOWLY)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "FIRST": str(tmp_path / "first")},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
