from pathlib import Path

import pytest

from asc_nas.core.errors import AscNasError
from data_prep.datasets.dcase2018_task5 import read

ROWS = [
    ("audio/DevNode1_ex1_1.wav", "working", "ex1", "2"),
    ("audio/DevNode3_ex1_1.wav", "working", "ex1", "2"),
    ("audio/DevNode2_ex40_17.wav", "absence", "ex40", "1"),
    ("audio/DevNode4_ex7_2.flac", "cooking", "ex7", "4"),
]


def write_layout(folder: Path, rows: list[tuple[str, str, str, str]]) -> None:
    (folder / "evaluation_setup").mkdir()
    lines = ["\t".join(row[:3]) + "\n" for row in rows]
    (folder / "meta.txt").write_text("".join(lines))
    for fold in "1234":
        test = [line for line, row in zip(lines, rows, strict=True) if row[3] == fold]
        (folder / f"evaluation_setup/fold{fold}_evaluate.txt").write_text("".join(test))


def test_reads_label_fold_session_and_node(tmp_path: Path) -> None:
    write_layout(tmp_path, ROWS)
    manifest = read(tmp_path)
    assert manifest.labels == ("absence", "cooking", "working")
    assert [clip.path for clip in manifest.clips] == [row[0] for row in ROWS]
    assert [clip.fold for clip in manifest.clips] == ["2", "2", "1", "4"]
    assert [clip.group for clip in manifest.clips] == ["ex1", "ex1", "ex40", "ex7"]
    assert [clip.device for clip in manifest.clips] == [f"DevNode{n}" for n in (1, 3, 2, 4)]
    assert {(clip.channels, clip.duration) for clip in manifest.clips} == {(4, 0.0)}


def test_missing_meta_says_that_the_layout_is_another(tmp_path: Path) -> None:
    with pytest.raises(AscNasError, match=r"no meta\.txt.*give the folder that holds meta\.txt"):
        read(tmp_path)


def test_missing_fold_list_is_named(tmp_path: Path) -> None:
    write_layout(tmp_path, ROWS)
    (tmp_path / "evaluation_setup/fold3_evaluate.txt").unlink()
    with pytest.raises(AscNasError, match=r"fold3_evaluate\.txt: no such file"):
        read(tmp_path)


def test_empty_meta_is_an_error(tmp_path: Path) -> None:
    write_layout(tmp_path, [])
    with pytest.raises(AscNasError, match="lists no clips"):
        read(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "audio/DevNode1_ex2_1.wav\tworking",
        "audio/DevNode1_ex2_1.wav\t\tex2",
        "audio/DevNode1_ex2_1.wav working ex2",
        "audio/DevNode1_ex2_1.wav\tworking\tex3",
        "audio/b020_90_100.wav\tbeach\tb020",
    ],
)
def test_malformed_line_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    write_layout(tmp_path, ROWS)
    with (tmp_path / "meta.txt").open("a") as meta:
        meta.write(f"\n{line}\n")
    with pytest.raises(AscNasError, match=r"meta\.txt, line 6: expected"):
        read(tmp_path)


def test_clip_in_no_fold_is_named(tmp_path: Path) -> None:
    write_layout(tmp_path, [*ROWS, ("audio/DevNode1_ex9_1.wav", "eating", "ex9", "-")])
    with pytest.raises(AscNasError, match=r"DevNode1_ex9_1\.wav is in meta\.txt but in no fold"):
        read(tmp_path)


def test_clip_in_two_folds_is_named(tmp_path: Path) -> None:
    write_layout(tmp_path, ROWS)
    table = tmp_path / "evaluation_setup/fold3_evaluate.txt"
    table.write_text("\t".join(ROWS[0][:3]) + "\n")
    with pytest.raises(AscNasError, match=r"DevNode1_ex1_1\.wav is in the folds 2 and 3"):
        read(tmp_path)
