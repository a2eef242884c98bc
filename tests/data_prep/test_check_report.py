"""Checks of the table of clips, the report, and the list of clips to leave out."""

import json

import pytest
from recordings import Recordings, found, noise

import data_prep.checks.run
from asc_nas.core.errors import AscNasError, UsageError
from data_prep.checks import CHECKS, Report, check, read_keys, without, write_keys


@pytest.fixture
def recordings(tmp_path):
    return Recordings(tmp_path)


@pytest.mark.parametrize("side", ["fold", "role"])
def test_a_group_on_both_sides(recordings, side):
    recordings.change("0.wav", **{side: "train"})
    recordings.change("2.wav", group="g0", **{side: "test"})
    recordings.add("more.wav", noise(9), **{side: "test"})
    report = recordings.check()
    assert found(report) == [("leak", "error", "g0")]
    for fragment in ("'train' (0.wav)", "'test' (2.wav)"):
        assert fragment in report.findings[0].message


def test_clips_without_group_or_fold_are_on_no_side(recordings):
    for name in ("0.wav", "2.wav", "4.wav", "6.wav"):
        recordings.change(name, group="")
    recordings.change("0.wav", fold="1")
    recordings.change("2.wav", fold="2")
    recordings.change("1.wav", fold="1")
    recordings.change("3.wav", group="g1")
    report = recordings.check()
    assert [f for f in report.findings if f.check == "leak"] == []


@pytest.mark.parametrize(
    ("groups", "severity"), [("0000", "error"), ("0011", "warning"), ("0012", "warning")]
)
def test_a_label_with_too_few_groups(recordings, groups, severity):
    for number, group in enumerate(groups):
        recordings.change(f"{2 * number}.wav", group=group)
    assert found(recordings.check()) == [("label", severity, "a")]


def test_a_label_with_one_clip_and_one_with_none(recordings):
    recordings.add("rare.wav", noise(9), label="rare")
    report = recordings.check(labels=("a", "b", "rare", "never"))
    assert found(report) == [("label", "error", "rare"), ("label", "error", "never")]
    assert "1 clip;" in report.findings[0].message
    assert "no clips" in report.findings[1].message


def test_a_label_without_a_name(recordings):
    recordings.change("0.wav", label="")
    assert ("label", "error") in [f[:2] for f in found(recordings.check(labels=("a", "b", "")))]


def test_unequal_classes(recordings):
    for number in range(10, 46):
        recordings.add(f"{number}.wav", noise(number, 100))
    assert recordings.check().findings == []  # 40 against 4
    recordings.clips = [clip for clip in recordings.clips if clip.path != "1.wav"]
    assert found(recordings.check())[-1] == ("imbalance", "warning", "b")


def test_the_report_does_not_depend_on_the_number_of_workers(recordings):
    (recordings.folder / "3.wav").write_bytes(b"no audio")
    (recordings.folder / "1.wav").unlink()
    recordings.add("copy.wav", noise(0))
    recordings.add("two.wav", noise(9, channels=2))
    one, two = (check(recordings.manifest(), workers=workers) for workers in (1, 2))
    assert one == two
    assert len(one.findings) >= 4
    order = list(CHECKS)
    places = [order.index(finding.check) for finding in one.findings]
    assert places == sorted(places)


def test_the_report_does_not_depend_on_the_order_in_which_clips_end(recordings, monkeypatch):
    for name in ("5.wav", "1.wav", "3.wav"):
        (recordings.folder / name).unlink()
    recordings.add("copy.wav", noise(0))
    recordings.add("copy2.wav", noise(0))
    recordings.add("other.wav", noise(9), rate=16000)
    usual = recordings.check()
    each = data_prep.checks.run.each

    def backwards(*arguments):
        yield from reversed(list(each(*arguments)))

    monkeypatch.setattr(data_prep.checks.run, "each", backwards)
    assert recordings.check() == usual
    assert [f.clip for f in usual.of("missing")] == ["1.wav", "3.wav", "5.wav"]


def test_progress_is_reported_clip_by_clip(recordings):
    reports = []
    check(recordings.manifest(), workers=1, progress=lambda done, all_, text: reports.append(done))
    assert reports == list(range(9))


def test_no_workers_are_wrong_usage(recordings):
    with pytest.raises(UsageError, match="workers is 0"):
        check(recordings.manifest(), workers=0)


def test_json_says_what_was_found_and_is_read_again(recordings, tmp_path):
    (recordings.folder / "3.wav").unlink()
    report = recordings.check()
    report.write(tmp_path / "check.json")
    values = json.loads((tmp_path / "check.json").read_text())
    assert values["format"] == "asc-nas/check/1"
    assert (values["clips"], values["errors"], values["warnings"]) == (8, 1, 0)
    assert list(values["counts"]) == list(CHECKS)
    assert values["counts"]["missing"] == {"errors": 1, "warnings": 0}
    assert values["bad_clips"] == ["3.wav"]
    (finding,) = values["findings"]
    assert finding["clip"] == "3.wav"
    assert finding["severity"] == "error"
    assert Report.read(tmp_path / "check.json").findings == report.findings


def test_listed_clips_are_left_out(recordings):
    path = recordings.folder / "bad.txt"
    write_keys(path, ["3.wav", "5.wav"])
    assert read_keys(path) == ("3.wav", "5.wav")
    kept = without(recordings.manifest(), path)
    assert [c.path for c in kept.clips] == ["0.wav", "1.wav", "2.wav", "4.wav", "6.wav", "7.wav"]
    assert kept.labels == ("a", "b")


def test_blank_lines_of_a_list_are_passed_over(recordings):
    path = recordings.folder / "bad.txt"
    path.write_text("\n3.wav\n\n")
    assert len(without(recordings.manifest(), path).clips) == 7


def test_a_listed_key_that_no_clip_has_is_an_error_with_the_closest(recordings):
    path = recordings.folder / "bad.txt"
    path.write_text("3.wav\n4.wv\nnone\n")
    with pytest.raises(UsageError, match=r"no clip '4\.wv' \(and 1 more.*Did you mean '4\.wav'"):
        without(recordings.manifest(), path)


def test_a_list_that_is_missing_or_binary_or_complete_is_an_error(recordings):
    path = recordings.folder / "bad.txt"
    with pytest.raises(UsageError, match="no such list"):
        without(recordings.manifest(), path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AscNasError, match="not readable as a list"):
        without(recordings.manifest(), path)
    write_keys(path, [clip.key for clip in recordings.clips])
    with pytest.raises(AscNasError, match="none would be left"):
        without(recordings.manifest(), path)
