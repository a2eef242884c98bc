"""Features that several processes make in parts: the same store as of one."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from test_features import FRONT_END, make_manifest
from tiny import PATIENCE

import data_prep.extraction
from asc_nas.cli.commands.features import features
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.locks import locked, taking_turns
from asc_nas.data.feature_store import DONE, FEATURES, FILES, INDEX, FeatureStore, Index
from data_prep.extraction import extract, extract_part
from data_prep.feature_parts import Part


@pytest.fixture
def manifest(tmp_path):
    return make_manifest(tmp_path, 11)


@pytest.fixture
def whole(manifest, tmp_path):
    """The store of the same clips that is made at once."""
    return extract(manifest, FRONT_END, tmp_path / "whole", workers=1).folder


def make(manifest, folder, text, **options):
    return extract_part(manifest, FRONT_END, folder, Part.parse(text), workers=1, **options)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("count", [1, 3, 11])
def test_parts_are_all_clips_each_once(manifest, count):
    parts = [Part(number, count).of(manifest).clips for number in range(1, count + 1)]
    assert [clip for part in parts for clip in part] == list(manifest.clips)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_parts_in_any_order_make_the_store_of_one_process(manifest, tmp_path, whole, order):
    store = tmp_path / "store"
    for place, number in enumerate(order):
        index = make(manifest, store, f"{number}/3")
        assert len(index.missing) == 2 - place
    assert index.complete
    assert contents(store) == contents(whole)
    assert visible(store) == sorted(FILES)


def test_parts_at_the_same_time_make_the_store_of_one_process(manifest, tmp_path, whole):
    manifest.write(tmp_path / "manifest.parquet")
    program = f"""
import sys
from pathlib import Path
from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.manifest import Manifest
from data_prep.extraction import extract_part
from data_prep.feature_parts import Part
folder = Path({str(tmp_path)!r})
print("ready", flush=True)
sys.stdin.readline()
extract_part(
    Manifest.read(folder / "manifest.parquet"), FrontEnd(**{FRONT_END.model_dump()!r}),
    folder / "store", Part.parse(sys.argv[1]), workers=1,
)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    machines = [
        subprocess.Popen([sys.executable, "-c", program, f"{number}/3"], **pipes)
        for number in (1, 2, 3)
    ]
    for machine in machines:
        assert machine.stdout.readline() == "ready\n"
    for machine in machines:
        machine.stdin.write("\n")
        machine.stdin.flush()
    for machine in machines:
        machine.communicate()
        assert machine.returncode == 0
    assert contents(tmp_path / "store") == contents(whole)
    assert visible(tmp_path / "store") == sorted(FILES)


def stop_at(count):
    def stop(done, *_):
        if done == count:
            raise KeyboardInterrupt

    return stop


def test_a_stopped_part_goes_on_where_it_was(manifest, tmp_path, whole, monkeypatch):
    store, computed = tmp_path / "store", []
    make(manifest, store, "1/2")
    with pytest.raises(KeyboardInterrupt):
        make(manifest, store, "2/2", progress=stop_at(4))
    original = data_prep.extraction._clip_features

    def noted(task, frontend):
        computed.append(task.clip.key)
        return original(task, frontend)

    monkeypatch.setattr(data_prep.extraction, "_clip_features", noted)
    assert make(manifest, store, "2/2").complete
    assert computed == ["009.wav", "010.wav"]
    assert contents(store) == contents(whole)


@pytest.mark.parametrize("late", [False, True])
def test_a_part_that_was_killed_as_it_was_taken_in_is_taken_in_again(
    manifest, tmp_path, whole, monkeypatch, late
):
    store, take_in = tmp_path / "store", Part.take_in

    def killed(self, made, index, folder):
        if late:
            take_in(self, made, index, folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Part, "take_in", killed)
        with pytest.raises(KeyboardInterrupt):
            make(manifest, store, "1/2")
    assert Index.read(store).missing == ("1/2", "2/2")
    make(manifest, store, "2/2")
    assert make(manifest, store, "1/2").complete
    assert contents(store) == contents(whole)


def test_an_incomplete_store_names_its_missing_parts_and_the_command(manifest, tmp_path):
    store = tmp_path / "store"
    make(manifest, store, "2/4")
    with pytest.raises(AscNasError, match=r"the parts 1/4, 3/4, 4/4 are missing; make each with"):
        FeatureStore.open(store, FRONT_END)
    with pytest.raises(AscNasError, match=r"'asc-nas features MANIFEST --out .*store --part 1/4'"):
        FeatureStore.open(store, FRONT_END)


def test_without_a_part_the_missing_ones_are_made(manifest, tmp_path, whole):
    store = tmp_path / "store"
    make(manifest, store, "2/3")
    extract(manifest, FRONT_END, store, workers=1)
    assert contents(store) == contents(whole)


def test_a_part_is_made_by_one_process_only(manifest, tmp_path):
    store = tmp_path / "store"
    with (
        locked(store / Part(1, 2).folder, "wait"),
        pytest.raises(AscNasError, match=r"part-1-of-2: another asc-nas works here .* another pa"),
    ):
        make(manifest, store, "1/2")
    make(manifest, store, "2/2")
    assert Index.read(store).missing == ("1/2",)


def test_the_store_is_begun_by_one_machine_at_a_time(manifest, tmp_path):
    store, waits = tmp_path / "store", threading.Event()
    store.mkdir()
    say = lambda line: waits.set()  # noqa: E731
    thread = threading.Thread(target=make, args=(manifest, store, "1/2"), kwargs={"say": say})
    with taking_turns(store, say):
        thread.start()
        assert waits.wait(PATIENCE)
        assert not (store / INDEX).exists()
    thread.join(PATIENCE)
    assert Index.read(store).missing == ("2/2",)


def test_parts_are_taken_in_one_after_the_other(manifest, tmp_path):
    store = tmp_path / "store"
    computed, held, waits = threading.Event(), threading.Event(), threading.Event()

    def progress(done, total, *_):
        if done == total:
            computed.set()
            assert held.wait(PATIENCE)

    options = {"say": lambda line: waits.set(), "progress": progress}
    thread = threading.Thread(target=make, args=(manifest, store, "1/2"), kwargs=options)
    thread.start()
    assert computed.wait(PATIENCE)
    with taking_turns(store, print):
        held.set()
        assert waits.wait(PATIENCE)
        assert not np.load(store / DONE).any()
    thread.join(PATIENCE)
    assert np.load(store / DONE).any()


def test_a_part_that_another_made_in_the_meantime_is_not_made_again(
    manifest, tmp_path, monkeypatch
):
    store, original = tmp_path / "store", locked

    def late(*arguments):
        monkeypatch.setattr(data_prep.extraction, "locked", original)
        make(manifest, store, "1/2")
        for clip in manifest.clips:
            manifest.audio_path(clip).unlink()
        return original(*arguments)

    monkeypatch.setattr(data_prep.extraction, "locked", late)
    assert make(manifest, store, "1/2").missing == ("2/2",)


def test_a_part_that_is_there_is_not_made_again(manifest, tmp_path):
    store = tmp_path / "store"
    for number in (1, 2):
        make(manifest, store, f"{number}/2")
    before = contents(store)
    for clip in manifest.clips:
        manifest.audio_path(clip).unlink()
    assert make(manifest, store, "1/2").complete
    assert contents(store) == before


def test_other_parts_than_it_was_begun_in_are_refused(manifest, tmp_path):
    make(manifest, tmp_path / "store", "1/3")
    with pytest.raises(AscNasError, match=r"made in 3 parts, not 2; give one of 2/3, 3/3"):
        make(manifest, tmp_path / "store", "2/2")
    with pytest.raises(KeyboardInterrupt):
        extract(manifest, FRONT_END, tmp_path / "one", workers=1, progress=stop_at(3))
    with pytest.raises(AscNasError, match="begun as one; go on without --part"):
        make(manifest, tmp_path / "one", "2/2")


def test_clips_that_cannot_be_read_are_listed_as_by_one_process(manifest, tmp_path):
    for number in (9, 2):
        (tmp_path / f"{number:03d}.wav").write_bytes(b"no audio")
    with pytest.raises(AscNasError, match=r"1 of 5 clips could not be read: .*002\.wav"):
        make(manifest, tmp_path / "store", "1/2")
    for number in (2, 1):
        make(manifest, tmp_path / "store", f"{number}/2", skip_unreadable=True)
    whole = extract(manifest, FRONT_END, tmp_path / "whole", workers=1, skip_unreadable=True)
    assert list(whole.failed) == ["002.wav", "009.wav"]
    assert contents(tmp_path / "store") == contents(whole.folder)


def test_a_damaged_part_is_not_taken_in(manifest, tmp_path, monkeypatch):
    take_in = Part.take_in

    def damaged(self, made, index, folder):
        path = made.folder / FEATURES
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        return take_in(self, made, index, folder)

    monkeypatch.setattr(Part, "take_in", damaged)
    with pytest.raises(AscNasError, match=r"part-1-of-2: the feature store is damaged; delete it"):
        make(manifest, tmp_path / "store", "1/2")
    assert Index.read(tmp_path / "store").missing == ("1/2", "2/2")


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "1/3 ", "-1/3", "²/3"])
def test_a_part_that_there_is_not_is_wrong_usage(text):
    with pytest.raises(UsageError, match="give its number and how many there are"):
        Part.parse(text)


def test_more_parts_than_clips_are_wrong_usage(manifest, tmp_path):
    with pytest.raises(UsageError, match="12 parts of 11 clips"):
        make(manifest, tmp_path / "store", "1/12")
    assert not (tmp_path / "store").exists()


def test_the_command_says_which_parts_are_missing(manifest, tmp_path, capsys):
    manifest.write(tmp_path / "m.parquet")
    store = tmp_path / "store"
    features(tmp_path / "m.parquet", "esc10", store, workers=1, part="2/3")
    assert f"part 2/3 -> {store}; still missing: 1/3, 3/3\n" in capsys.readouterr().out
    for number in (1, 3):
        features(tmp_path / "m.parquet", "esc10", store, workers=1, part=f"{number}/3")
    assert "examples of" in capsys.readouterr().out
    assert np.load(store / DONE).all()
