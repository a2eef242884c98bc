"""Trees of the published layouts with one thing broken in each."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trees

from asc_nas.core.errors import AscNasError
from data_prep.datasets import READERS, read_dataset

WRITERS = {
    "dcase2018_task5": trees.task5,
    "dcase2018_task5_evaluation": trees.task5_evaluation,
    "tau_urban_2020_mobile": trees.tau_2020,
    "tau_urban_2022_mobile": trees.tau_2022,
    "tut_2016": trees.tut_2016,
    "tut_2017": trees.tut_2017,
    "dcase2013_scenes": trees.dcase2013,
    "esc50": trees.esc50,
    "urbansound8k": trees.urbansound8k,
    "spoken_digits": trees.spoken_digits,
}


def edit(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Return what replaces the first match of a regular expression in a file of the tree."""

    def apply(folder: Path) -> None:
        text, count = re.subn(old, new, (folder / file).read_text(), count=1)
        assert count == 1, "the tree was not broken"
        (folder / file).write_text(text)

    return apply


def remove(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def copy_line(source: str, target: str) -> Callable[[Path], None]:
    """Return what appends the last line of one file to another."""

    def apply(folder: Path) -> None:
        line = (folder / source).read_text().splitlines()[-1]
        with (folder / target).open("a") as file:
            file.write(line + "\n")

    return apply


SETUP = "evaluation_setup"
BROKEN = [
    ("tau_urban_2020_mobile", remove("meta.csv"), r"no meta\.csv.*TAU Urban.*give the folder"),
    ("tau_urban_2020_mobile", remove(f"{SETUP}/fold1_train.csv"), r"fold1_train\.csv: no such"),
    ("tau_urban_2020_mobile", remove(f"{SETUP}/fold1_evaluate.csv"), r"fold1_evaluate\.csv: no su"),
    ("tau_urban_2020_mobile", edit("meta.csv", "lisbon-1000\ta", "lisbon-1001\ta"),
     r"meta\.csv, line 2: expected 'audio/airport-lisbon-1000-0-a\.wav'"),
    ("tau_urban_2020_mobile", edit("meta.csv", "\tb\n", "\tc\n"), r"meta\.csv, line 3: expected"),
    ("tau_urban_2020_mobile", edit("meta.csv", "\ta\n", "\n"), r"meta\.csv, line 2: expected"),
    ("tau_urban_2020_mobile", edit("meta.csv", "\tairport", "\tbus"), r"line 2: expected"),
    ("tau_urban_2020_mobile", edit(f"{SETUP}/fold1_train.csv", "\tairport", "\tbus"),
     r"fold1_train\.csv, line 2: expected .* its label 'airport'"),
    ("tau_urban_2020_mobile", edit(f"{SETUP}/fold1_train.csv", "lisbon-1000", "lisbon-9"),
     r"fold1_train\.csv, line 2: audio/airport-lisbon-9-0-a\.wav is not in meta\.csv"),
    ("tau_urban_2020_mobile",
     copy_line(f"{SETUP}/fold1_train.csv", f"{SETUP}/fold1_evaluate.csv"),
     r"tram-lisbon-1009-0-s3\.wav is in the train list and in the test list of fold 1"),
    ("tau_urban_2020_mobile", copy_line("meta.csv", "meta.csv"), "is listed twice"),
    ("tau_urban_2022_mobile", edit("meta.csv", "-0-0-a.wav", "-0-a.wav"),
     r"line 2: expected 'audio/airport-lisbon-1000-0-0-a\.wav'"),
    ("tut_2017", edit("meta.txt", "\ta001\n", "\n"), r"meta\.txt, line 1: expected .*location"),
    ("tut_2016", edit("meta.txt", "beach\n", "\n"), r"meta\.txt, line 1: expected"),
    ("dcase2018_task5", copy_line(f"{SETUP}/fold1_evaluate.txt", f"{SETUP}/fold1_train.txt"),
     r"fold1_train\.txt: .* is in the train list and in the test list of fold 1"),
    ("dcase2018_task5", edit(f"{SETUP}/fold2_evaluate.txt", "absence", "eating"),
     r"fold2_evaluate\.txt, line 1: expected .* its label 'absence'"),
    ("dcase2018_task5_evaluation", remove(f"{SETUP}/map.txt"), r"no evaluation_setup/map\.txt"),
    ("dcase2018_task5_evaluation", edit(f"{SETUP}/map.txt", "893.wav", "1.wav"),
     r"meta\.txt, line 1: audio/893\.wav is not in evaluation_setup/map\.txt"),
    ("dcase2018_task5_evaluation", edit(f"{SETUP}/map.txt", "DevNode1_", "Dev_"),
     r"map\.txt, line 1: expected .*'DevNode1_ex1_1\.wav'"),
    ("dcase2018_task5_evaluation", edit("meta.txt", "\tex1\n", "\n"), r"meta\.txt, line 1: exp"),
    ("dcase2013_scenes", remove(f"{SETUP}/fold5_evaluate.txt"), r"fold5_evaluate\.txt: no such"),
    ("dcase2013_scenes", copy_line(f"{SETUP}/fold1_evaluate.txt", f"{SETUP}/fold2_evaluate.txt"),
     r"tubestation10\.wav is in the folds 1 and 2"),
    ("dcase2013_scenes", lambda folder: (folder / "scenes_stereo/bus1.wav").touch(),
     r"bus1\.wav: not a file name of DCASE 2013"),
    ("esc50", remove("meta/esc50.csv"), r"no meta/esc50\.csv.*ESC-50; give the folder"),
    ("esc50", edit("meta/esc50.csv", "esc10", "esc"), "line 1: the column 'esc10' is missing"),
    ("esc50", edit("meta/esc50.csv", "wav,1,0", "wav,2,0"), r"line 2: the file is named 1-1000-A"),
    ("esc50", edit("meta/esc50.csv", "class_7,", ","), "line 51, column 'category': the value is"),
    ("esc50", edit("meta/esc50.csv", "True", "yes"), "line 2, column 'esc10': 'yes' is neither"),
    ("esc50", edit("meta/esc50.csv", "5-5000-A-0.wav,5,0,class_0", "5-5000-A-0.wav,5,0,class_9"),
     "line 202: the target 0 is 'class_9' here and 'class_0' above"),
    ("urbansound8k", remove("metadata/UrbanSound8K.csv"), r"no metadata/UrbanSound8K\.csv"),
    ("urbansound8k", edit("metadata/UrbanSound8K.csv", r"\n109-9-", "\n110-9-"),
     r"line 2: expected a file name '109-9-0-0\.wav'"),
    ("urbansound8k", edit("metadata/UrbanSound8K.csv", ",1,1,9,", ",1,11,9,"),
     "line 2, column 'fold': '11' is not one of 1, 2"),
    ("urbansound8k", edit("metadata/UrbanSound8K.csv", "1009-9-1-0.wav,1009,0.0,4.0,1,10,9,street",
     "1009-9-1-0.wav,1009,0.0,4.0,1,10,9,country"), "the class 9 is 'country_music' here"),
    ("spoken_digits", lambda folder: (folder / "recordings/7_theo.wav").touch(),
     r"7_theo\.wav: not a file name of the Free Spoken Digit Dataset"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "damage", "message"), BROKEN)
def test_a_broken_layout_is_one_sentence_that_names_the_place(
    name, damage, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(trees, "write_audio", lambda folder, rows, *_: touch(folder, rows))
    WRITERS[name](tmp_path)
    damage(tmp_path)
    with pytest.raises(AscNasError, match=message) as caught:
        read_dataset(name, tmp_path)
    assert str(tmp_path) in str(caught.value) or "twice" in message
    assert "\n" not in str(caught.value)


def touch(folder: Path, rows: list[trees.Row]) -> None:
    for row in rows[:200]:
        (folder / row.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / row.path).touch()


@pytest.mark.parametrize("name", [name for name in READERS if not READERS[name].generates])
def test_an_empty_folder_is_an_error(name, tmp_path):
    with pytest.raises(AscNasError, match=re.escape(str(tmp_path))):
        read_dataset(name, tmp_path)


def test_a_table_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "meta.csv").write_bytes(b"filename\xff\xfe")
    with pytest.raises(AscNasError, match=r"meta\.csv: not readable as text"):
        read_dataset("tau_urban_2019", tmp_path)
