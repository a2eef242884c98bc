"""Features that the executor of a run makes in parts."""

from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from tiny import write_config

import asc_nas.run.preparation
from asc_nas.core.errors import AscNasError
from asc_nas.data.feature_store import FILES, Index
from asc_nas.run.preparation import prepare
from asc_nas.run.run import Run
from data_prep.synthetic import Plan, generate


@contextmanager
def at_once(function, count):
    """Stand in for a cluster: do every job as it is handed in."""

    def submit(*arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    yield submit


@pytest.fixture
def opened(tmp_path, monkeypatch):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    monkeypatch.setattr(Run, "new_executor", lambda run: at_once)

    def run(name, executor, workers=1):
        config = write_config(tmp_path / f"{name}.yaml", data={"workers": workers})
        out = tmp_path / name
        return Run.open(config, tmp_path / "recordings", out=out, executor=executor)

    return run


@pytest.fixture
def made(monkeypatch):
    """The parts that are made, as it happens."""
    parts, make = [], asc_nas.run.preparation.extract_part

    def noted(manifest, frontend, folder, part, **options):
        parts.append(str(part))
        return make(manifest, frontend, folder, part, **options)

    monkeypatch.setattr(asc_nas.run.preparation, "extract_part", noted)
    return parts


def contents(run):
    return {n: (run.paths.features / n).read_bytes() for n in FILES}


def test_a_cluster_makes_the_features_in_parts_and_they_are_the_same(opened, made):
    here, there = opened("here", "local"), opened("there", "ray", 3)
    for run in (here, there):
        run.prepare()
    assert made == ["1/3", "2/3", "3/3"]
    assert contents(there) == contents(here)
    prepare(there)
    assert len(made) == 3


def test_what_a_cluster_has_left_is_made_by_any_executor(opened, made):
    first, second = opened("first", "ray", 3), opened("second", "ray", 3)
    for run in (first, second):
        run.begin()
        lost = run.first.audio_path(run.first.clips[-1])
        lost.rename(lost.with_suffix(".away"))
        with pytest.raises(AscNasError, match=r"1 of 3 jobs failed: part 3/3: 1 of \d+ clips"):
            run.prepare()
        assert Index.read(run.paths.features).missing == ("3/3",)
        lost.with_suffix(".away").rename(lost)
    made.clear()
    opened("first", "ray", 2).prepare()
    assert made == ["3/3"]
    made.clear()
    opened("second", "local").prepare()
    assert not made
    assert contents(first) == contents(second)
