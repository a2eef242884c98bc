"""Processes that die or hang over one task: that task is named, and the others are done."""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pebble.pool.process
import pytest
import soundfile

import data_prep.checks.run
import data_prep.extraction
from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.core.tasks import BACKLOG, Lost, each
from asc_nas.data.manifest import Clip, Manifest
from data_prep.checks import check
from data_prep.checks.scan import scan_clip
from data_prep.extraction import extract

FRONT_END = FrontEnd(
    sample_rate=8000, n_mels=8, win_length=256, hop_length=128, n_fft=256, seconds=0.25
)
original = data_prep.extraction._clip_features
DAY = 86400


def die():
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(1)


def square(number):
    return number * number


def difficult(number):
    """Die over 5, hang over 7, fail over 9."""
    if number == 5:
        die()
    if number == 7:
        time.sleep(DAY)
    if number == 9:
        raise MemoryError
    return number * number


def has_torch(task):
    return "torch" in sys.modules


def die_once(task):
    number, mark = task
    if number == 3 and not mark.exists():
        mark.touch()
        die()
    return number


def features_or_death(task, frontend):
    if task.clip.path == "002.wav":
        die()
    return original(task, frontend)


def scan_or_death(task):
    return die() if task.path.name == "002.wav" else scan_clip(task)


def scan_or_hang(task):
    return time.sleep(DAY) if task.path.name == "002.wav" else scan_clip(task)


class Unstartable:
    def __call__(self, task):
        return task

    def __reduce__(self):
        return sys.exit, (3,)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_has_its_result(workers):
    assert sorted(each(square, range(30), workers)) == [(n, n * n) for n in range(30)]


def test_no_tasks_start_no_process():
    assert list(each(square, [], 2)) == []


def test_tasks_are_taken_only_a_few_ahead():
    taken = 0

    def tasks():
        nonlocal taken
        for number in range(200):
            taken += 1
            yield number

    for done, _ in enumerate(each(square, tasks(), 2), start=1):
        assert taken <= done + 2 * BACKLOG
    assert done == 200


@pytest.fixture
def days_pass(monkeypatch):
    """Give a function after which whoever watches over processes sees days pass, again and again.

    So a hanging task is given up at once, and none because the machine is busy.
    """
    gone, passing = 0, False

    def now():
        nonlocal gone
        gone += 2 * DAY * passing
        return time.time() + gone

    def start():
        nonlocal passing
        passing = True

    monkeypatch.setattr(pebble.pool.process, "time", SimpleNamespace(time=now, sleep=time.sleep))
    return start


def test_only_the_task_that_kills_hangs_or_fails_is_lost(days_pass):
    results = {}
    for number, result in each(difficult, range(20), 2, timeout=DAY):
        results[number] = result
        if len(results) == 19:  # all but the one that hangs
            days_pass()
    lost = {number: result.reason for number, result in results.items() if type(result) is Lost}
    assert sorted(lost) == [5, 7, 9]
    assert "died" in lost[5]
    assert f"longer than {DAY} s" in lost[7]
    assert "more memory" in lost[9]
    assert {n: r for n, r in results.items() if n not in lost} == {
        n: n * n for n in range(20) if n not in (5, 7, 9)
    }


def test_a_task_gets_a_second_process_when_its_first_dies(tmp_path):
    tasks = [(number, tmp_path / "mark") for number in range(6)]
    results = sorted(result for _, result in each(die_once, tasks, 2))
    assert results == list(range(6))
    assert (tmp_path / "mark").exists()


def test_a_process_that_reads_files_does_not_load_pytorch():
    assert list(each(has_torch, [1], 2)) == [(1, False)]


def test_processes_that_cannot_start_are_an_error():
    with pytest.raises(AscNasError, match="could not start"):
        list(each(Unstartable(), range(5), 2))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_no_process_is_left_when_the_results_are_not_wanted():
    def children():
        tasks = Path("/proc/self/task").iterdir()
        return {pid for task in tasks for pid in (task / "children").read_text().split()}

    list(each(square, range(4), 2))  # what Python itself starts with the first process stays
    before = children()
    results = each(square, range(100), 2)
    next(results)
    assert len(children() - before) == 2
    results.close()
    assert children() == before


@pytest.fixture
def manifest(tmp_path):
    clips = []
    for number in range(5):
        wave = np.random.default_rng(number).uniform(-0.5, 0.5, 2000)
        soundfile.write(tmp_path / f"{number:03d}.wav", wave, 8000)
        clips.append(Clip(f"{number:03d}.wav", "noise"))
    return Manifest("noise", tmp_path, ("noise",), tuple(clips))


def test_extraction_goes_on_past_a_clip_that_kills(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(data_prep.extraction, "_clip_features", features_or_death)
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=2, skip_unreadable=True)
    assert list(store.failed) == ["002.wav"]
    assert "002.wav: the process that read it died" in store.failed["002.wav"]
    monkeypatch.undo()
    whole = extract(manifest, FRONT_END, tmp_path / "whole", workers=1)
    for key in store.keys:
        np.testing.assert_array_equal(
            store.features[store.rows(key)], whole.features[whole.rows(key)]
        )


def test_a_clip_that_kills_is_named_when_nothing_may_be_left_out(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(data_prep.extraction, "_clip_features", features_or_death)
    with pytest.raises(AscNasError, match=r"1 of 5 clips .*002\.wav.*died"):
        extract(manifest, FRONT_END, tmp_path / "store", workers=2)
    monkeypatch.undo()
    assert len(extract(manifest, FRONT_END, tmp_path / "store", workers=1).keys) == 5


def test_a_check_goes_on_past_a_file_that_kills(manifest, monkeypatch):
    monkeypatch.setattr(data_prep.checks.run, "scan_clip", scan_or_death)
    assert_only_the_third_is_unreadable(check(manifest, workers=2), "died")


def test_a_check_goes_on_past_a_file_that_hangs(manifest, monkeypatch, days_pass):
    def progress(done, total, text):
        if done == total - 1:
            days_pass()

    monkeypatch.setattr(data_prep.checks.run, "scan_clip", scan_or_hang)
    report = check(manifest, workers=2, timeout=DAY, progress=progress)
    assert_only_the_third_is_unreadable(report, "longer than")


def assert_only_the_third_is_unreadable(report, reason):
    found = report.of("unreadable")
    assert [finding.clip for finding in found] == ["002.wav"]
    assert reason in found[0].message
    assert report.bad_clips == ["002.wav"]
