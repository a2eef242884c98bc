import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Manifest
from data_prep.datasets import READERS
from data_prep.datasets import synthetic as reader
from data_prep.synthetic import Plan, generate
from data_prep.synthetic.generate import COMPLETED, STARTED, render, write_flac
from data_prep.synthetic.plan import NODES, Session
from data_prep.synthetic.room import Node, Source, record
from data_prep.synthetic.scenes import ACTIVITIES

TINY = Plan.tiny()
SMALLEST = Plan.tiny(0.5).with_labels("working", "absence")
SESSION = Session("ex1", "social_activity", "1", NODES[:2], 1)


def contents(folder: Path, pattern: str = "**/*") -> dict[str, bytes]:
    files: Iterable[Path] = sorted(path for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "tiny"
    generate(folder, 0, TINY, workers=1)
    return folder


@pytest.fixture(scope="module")
def manifest(tiny: Path) -> Manifest:
    return reader.read(tiny)


def test_clip_is_determined_by_its_seed() -> None:
    first, again, other = (
        render(seed, SESSION, 1, 1.0, ["DevNode1"])["DevNode1"] for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.5


def test_clip_does_not_depend_on_which_nodes_are_rendered_with_it() -> None:
    alone = render(0, SESSION, 1, 1.0, ["DevNode2"])["DevNode2"]
    together = render(0, SESSION, 1, 1.0, NODES)["DevNode2"]
    np.testing.assert_array_equal(alone, together)


def test_segments_of_a_session_differ() -> None:
    first, second = (render(0, SESSION, n, 1.0, ["DevNode1"])["DevNode1"] for n in (1, 2))
    assert not np.array_equal(first, second)


def test_full_clip_is_ten_seconds_of_four_channels_at_16_khz_and_16_bit(tmp_path: Path) -> None:
    signal = render(0, SESSION, 1, Plan().seconds, ["DevNode1"])["DevNode1"]
    write_flac(tmp_path / "clip.flac", signal)
    info = soundfile.info(tmp_path / "clip.flac")
    assert (info.frames, info.channels, info.samplerate) == (160_000, 4, 16_000)
    assert (info.format, info.subtype) == ("FLAC", "PCM_16")


@pytest.mark.parametrize("label", list(ACTIVITIES))
def test_every_activity_is_audible_finite_and_below_full_scale(label: str) -> None:
    session = Session("ex1", label, "1", NODES[:1], 1)
    for seed in range(3):
        signal = render(seed, session, 1, 1.0, ["DevNode1"])["DevNode1"]
        assert np.isfinite(signal).all()
        assert np.sqrt(np.mean(signal**2)) > 1e-4
        assert np.abs(signal).max() < 1


def test_nodes_hear_the_same_events_from_different_places() -> None:
    heard = render(0, SESSION, 1, 4.0, NODES[:2])
    first, second = (np.square(heard[name][0]).reshape(-1, 800).mean(axis=1) for name in heard)
    apart = render(0, SESSION, 2, 4.0, NODES[:1])["DevNode1"]
    unrelated = np.square(apart[0]).reshape(-1, 800).mean(axis=1)
    together = np.corrcoef(np.log(first), np.log(second))[0, 1]
    assert together > 0.6
    assert together > np.corrcoef(np.log(first), np.log(unrelated))[0, 1] + 0.2
    assert abs(np.corrcoef(heard["DevNode1"][0], heard["DevNode2"][0])[0, 1]) < 0.9


def test_channels_of_a_node_are_alike_but_not_identical() -> None:
    signal = render(0, SESSION, 1, 1.0, ["DevNode1"])["DevNode1"]
    loudness = np.log(np.square(signal).reshape(4, -1, 800).mean(axis=2))
    assert np.corrcoef(loudness)[0, 1:].min() > 0.9
    assert np.corrcoef(signal)[0, 1:].max() < 0.99


def test_direct_sound_arrives_after_distance_over_speed_and_falls_as_one_over_distance() -> None:
    position = np.array([2.0, 2.0, 1.3])
    metres = np.array([1.0, 2.0, 3.0, 1.5])
    microphones = position + metres[:, None] * np.array([1.0, 0.0, 0.0])
    click = np.zeros(2000, dtype=np.float32)
    click[100] = 1
    flat = Node(microphones, [(20.0, 0.0), (8000.0, 0.0)])
    heard = record([Source(position, click, 20.0)], flat, 0, "room")
    arrival = 100 + np.round(metres / 343 * 16_000).astype(int)
    for channel, sample, distance in zip(heard, arrival, metres, strict=True):
        assert np.abs(channel[: sample - 8]).max() < 0.02
        energy = np.sqrt(np.sum(channel[sample - 7 : sample + 8] ** 2))
        assert energy == pytest.approx(10 / distance, rel=0.15)


def test_reader_gives_the_whole_set(manifest: Manifest) -> None:
    assert manifest.name == "synthetic-task5"
    assert "synthetic" in manifest.licence
    assert manifest.labels == tuple(sorted(ACTIVITIES))
    assert len(manifest.clips) == 9 * 4
    assert all(manifest.audio_path(clip).is_file() for clip in manifest.clips)
    assert READERS["synthetic"].read is reader.read


@pytest.mark.parametrize("plan", [TINY, Plan()], ids=["tiny", "full"])
def test_every_class_is_in_every_fold_and_sessions_stay_together(plan: Plan) -> None:
    sessions = plan.draw(0)
    assert {(s.label, s.fold) for s in sessions} == {(a, f) for a in ACTIVITIES for f in "1234"}
    assert len({s.name for s in sessions}) == len(sessions)


def test_group_is_never_in_two_folds(manifest: Manifest) -> None:
    folds: dict[str, set[str]] = {}
    for clip in manifest.clips:
        folds.setdefault(clip.group, set()).add(clip.fold)
    assert all(len(found) == 1 for found in folds.values())


def test_full_plan_has_the_published_imbalance_and_five_sessions_a_class() -> None:
    counts: dict[str, int] = {}
    for session in Plan().draw(0):
        counts[session.label] = counts.get(session.label, 0) + session.segments * 2
        assert len(set(session.nodes)) == 2
    assert 150 <= sum(counts.values()) <= 180
    assert set(sorted(counts, key=counts.__getitem__)[-3:]) == {"absence", "watching_tv", "working"}
    assert all(sessions >= 5 for sessions, _ in Plan().sessions.values())


def test_fold_lists_agree_with_meta(tiny: Path) -> None:
    meta = (tiny / "meta.txt").read_text().splitlines()
    for fold in "1234":
        train, test, evaluate = (
            (tiny / f"evaluation_setup/fold{fold}_{part}.txt").read_text().splitlines()
            for part in ("train", "test", "evaluate")
        )
        assert sorted(train + evaluate) == sorted(meta)
        assert test == [line.split("\t")[0] for line in evaluate]


def test_unseen_recordings_are_named_after_their_label_and_in_no_list(tiny: Path) -> None:
    unseen = sorted(path.stem for path in (tiny / "unseen").glob("*.flac"))
    assert unseen == sorted(ACTIVITIES)
    assert "unseen" not in (tiny / "meta.txt").read_text()


def test_readme_says_that_the_set_is_synthetic(tiny: Path) -> None:
    assert "EVERYTHING IN THIS FOLDER IS SYNTHETIC" in (tiny / "README.txt").read_text()


def test_second_call_changes_nothing(tiny: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tiny.rglob("*")}
    generate(tiny, 0, TINY)
    assert {path: path.stat().st_mtime_ns for path in tiny.rglob("*")} == before


def test_interrupted_generation_is_completed_to_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        generate(folder, 0, SMALLEST, workers=1)
    (broken / COMPLETED).rename(broken / STARTED)
    audio = sorted((broken / "audio").glob("*.flac"))
    audio[0].unlink()
    (broken / "meta.txt").unlink()
    kept = audio[1].stat().st_mtime_ns
    generate(broken, 0, SMALLEST, workers=1)
    assert contents(broken) == contents(whole)
    assert audio[1].stat().st_mtime_ns == kept


def test_number_of_processes_does_not_change_the_files(tmp_path: Path) -> None:
    generate(tmp_path / "one", 5, SMALLEST, workers=1)
    generate(tmp_path / "two", 5, SMALLEST, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("marker", [COMPLETED, STARTED])
@pytest.mark.parametrize(("key", "value"), [("seed", 7), ("version", 0)])
def test_set_of_another_seed_or_version_is_refused(
    tmp_path: Path, marker: str, key: str, value: int
) -> None:
    generate(tmp_path / "set", 0, SMALLEST, workers=1)
    found = json.loads((tmp_path / "set" / COMPLETED).read_text())
    (tmp_path / "set" / COMPLETED).unlink()
    del found["checksum"]
    (tmp_path / "set" / marker).write_text(json.dumps(found | {key: value}))
    with pytest.raises(AscNasError, match=rf"of {key} {value}, not \d; delete the folder"):
        generate(tmp_path / "set", 0, SMALLEST, workers=1)


def test_folder_with_other_data_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "meta.txt").write_text("mine")
    with pytest.raises(AscNasError, match="holds other files"):
        generate(tmp_path, 0, SMALLEST, workers=1)
    assert contents(tmp_path) == {"meta.txt": b"mine"}


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AscNasError, match="cannot write the synthetic set"):
        generate(tmp_path / "file", 0, SMALLEST, workers=1)


@pytest.mark.slow
def test_reader_makes_the_full_set_where_it_is_missing(tmp_path: Path) -> None:
    manifest = READERS["synthetic"].read(tmp_path / "full")
    assert len(manifest.clips) == sum(2 * n * parts for n, parts in Plan().sessions.values())
    size = sum(path.stat().st_size for path in (tmp_path / "full").rglob("*") if path.is_file())
    assert size < 100e6
