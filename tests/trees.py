"""Small trees of files that follow the published layouts of the datasets to the letter.

Each function writes one set below a folder and returns what a reader should find, as rows of path,
label, fold, group, device and channels in the published order. They need no more than soundfile, so
that ``golden/make_dcase_util_lists.py`` can use them elsewhere.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

ACTIVITIES = (
    *("absence", "cooking", "dishwashing", "eating", "other", "social_activity"),
    *("vacuum_cleaner", "watching_tv", "working"),
)
SCENES = (
    *("airport", "bus", "metro", "metro_station", "park", "public_square", "shopping_mall"),
    *("street_pedestrian", "street_traffic", "tram"),
)
TUT_SCENES = (
    *("beach", "bus", "cafe/restaurant", "car", "city_center", "forest_path", "grocery_store"),
    *("home", "library", "metro_station", "office", "park", "residential_area", "train", "tram"),
)
SCENES_2013 = (
    *("bus", "busystreet", "office", "openairmarket", "park", "quietstreet", "restaurant"),
    *("supermarket", "tube", "tubestation"),
)
REAL_DEVICES, SIMULATED = ("a", "b", "c"), ("s1", "s2", "s3", "s4", "s5", "s6")


class Row(NamedTuple):
    path: str
    label: str
    fold: str = ""
    group: str = ""
    device: str = ""
    channels: int = 1


def task5(folder: Path) -> list[Row]:
    """Two segments of a session of every activity and fold, by all or by two of the four nodes."""
    rows, session = [], 0
    for turn, fold in enumerate("3142"):
        for label in ACTIVITIES:
            session += 1
            for node in "1234" if turn % 2 else "24":
                for segment in (1, 2):
                    path = f"audio/DevNode{node}_ex{session}_{segment}.wav"
                    rows.append(Row(path, label, fold, f"ex{session}", f"DevNode{node}", 4))
    meta = [[row.path, row.label, row.group] for row in rows]
    write_table(folder / "meta.txt", meta)
    write_folds(folder, rows, "1234", meta)
    write_audio(folder, rows, 16_000, "PCM_16")
    return rows


def task5_evaluation(folder: Path) -> list[Row]:
    """One clip of every activity by each of seven nodes, with names that tell nothing."""
    rows, mapped, number = [], [], 900
    for session, label in enumerate(ACTIVITIES, start=1):
        for node in range(1, 8):
            number -= 7
            rows.append(
                Row(f"audio/{number}.wav", label, "test", f"ex{session}", f"DevNode{node}", 4)
            )
            mapped.append([f"{number}.wav", f"DevNode{node}_ex{session}_1.wav"])
    meta = [[row.path, row.label, row.group] for row in rows]
    write_table(folder / "meta.txt", meta)
    write_table(folder / "evaluation_setup/test.txt", [[row.path] for row in rows])
    write_table(folder / "evaluation_setup/evaluation.txt", meta)
    write_table(folder / "evaluation_setup/map.txt", mapped)
    write_audio(folder, rows, 16_000, "PCM_16")
    return rows


def tau_2020(folder: Path) -> list[Row]:
    """Ten scenes in two cities; s4 to s6 are tested only, and clips of theirs are in no list."""
    rows = mobile_rows("0")
    write_urban(folder, rows)
    write_audio(folder, rows, 44_100, "PCM_24")
    return rows


def tau_2022(folder: Path) -> list[Row]:
    """As `tau_2020`, cut into parts of a second."""
    rows = [row for part in "01" for row in mobile_rows(f"0-{part}")]
    write_urban(folder, rows)
    write_audio(folder, rows, 44_100, "PCM_24")
    return rows


def tau_2022_splits(folder: Path) -> list[Row]:
    """As `tau_2022`, with four cities to train on, and the lists of 5 to 100 % of their clips.

    Within a class a smaller split has the first clips of a larger one: four have all cities, twelve
    all devices.
    """
    cities = ("lisbon", "lyon", "milan", "vienna")
    rows = [row for part in "01" for row in mobile_rows(f"0-{part}", cities)]
    write_urban(folder, rows)
    devices = (*REAL_DEVICES, *SIMULATED[:3])

    def turn(row: Row) -> tuple[str, int, int]:
        city = cities.index(row.group.split("-")[0])
        return row.path.split("-")[-2], (devices.index(row.device) - city) % len(devices), city

    train = sorted((row for row in rows if row.fold == "train"), key=turn)
    for percent in (5, 10, 25, 50, 100):
        chosen = {
            row.path
            for scene in SCENES
            for row in [row for row in train if row.label == scene][: max(4, percent * 48 // 100)]
        }
        table = [[row.path, row.label] for row in rows if row.path in chosen]
        name = f"evaluation_setup/split{percent}.csv"
        write_table(folder / name, [["filename", "scene_label"], *table])
    write_audio(folder, rows, 44_100, "PCM_24")
    return rows


def tau_2019(folder: Path) -> list[Row]:
    rows = stereo_rows()
    write_urban(folder, rows)
    write_audio(folder, rows, 48_000, "PCM_24")
    return rows


def tut_2018(folder: Path) -> list[Row]:
    rows = stereo_rows()
    write_urban(folder, rows, lists="txt")
    write_audio(folder, rows, 48_000, "PCM_24")
    return rows


def tut_2016(folder: Path) -> list[Row]:
    return write_tut(folder, seconds=30, with_location=False)


def tut_2017(folder: Path) -> list[Row]:
    return write_tut(folder, seconds=10, with_location=True)


def dcase2013(folder: Path, lists: bool = True) -> list[Row]:
    """Ten recordings of every scene; the lists of five folds are not in the published archive."""
    rows = [
        Row(f"scenes_stereo/{scene}{n:02}.wav", scene, str(1 + n % 5) if lists else "",
            f"{scene}{n:02}", "", 2)
        for scene in SCENES_2013
        for n in range(1, 11)
    ]  # fmt: skip
    if lists:
        write_folds(folder, rows, "12345", [[row.path, row.label] for row in rows])
    write_audio(folder, rows, 44_100, "PCM_16")
    return rows


def esc50(folder: Path) -> list[Row]:
    """Fifty classes in five folds; every fifth class is one of ESC-10."""
    rows, table = [], []
    for fold in range(1, 6):
        for target in (0, *reversed(range(1, 50))):
            source, label = 1000 * fold + target // 2 * 2, f"class_{(target * 7) % 50}"
            name = f"{fold}-{source}-{'AB'[target % 2]}-{target}.wav"
            rows.append(Row(f"audio/{name}", label, str(fold), str(source), "", 1))
            chosen = target % 5 == 0
            table.append([name, fold, target, label, chosen, source, "AB"[target % 2]])
    header = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    write_table(folder / "meta/esc50.csv", [header, *table], ",")
    write_audio(folder, rows, 44_100, "PCM_16")
    return rows


def urbansound8k(folder: Path) -> list[Row]:
    """Ten classes in ten folds, two slices of each recording, mono and stereo."""
    names = (
        *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
        *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
    )
    rows, table = [], []
    for fold in range(1, 11):
        for number, label in reversed(list(enumerate(names))):
            recording = str(100 * fold + number)
            for part in (0, 3):
                name = f"{recording}-{number}-1-{part}.wav"
                rows.append(
                    Row(f"audio/fold{fold}/{name}", label, str(fold), recording, "", 1 + fold % 2)
                )
                table.append([name, recording, 0.0, 4.0, 1, fold, number, label])
    header = ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]
    write_table(folder / "metadata/UrbanSound8K.csv", [header, *table], ",")
    write_audio(folder, rows, 44_100, "PCM_16")
    return rows


def spoken_digits(folder: Path) -> list[Row]:
    """Ten digits by six speakers, twelve times each, in the repository's folder."""
    rows = [
        Row(f"recordings/{digit}_{speaker}_{index}.wav", str(digit), speaker, speaker)
        for digit in range(10)
        for speaker in ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
        for index in sorted(range(12), key=str)
    ]
    write_audio(folder, rows, 8_000, "PCM_16")
    return rows


def mobile_rows(numbers: str, train: tuple[str, ...] = ("lisbon",)) -> list[Row]:
    """Return places of every scene: one per city of the train list, and one of the test list."""
    rows = []
    for number, scene in enumerate(SCENES):
        for city, fold in (*((city, "train") for city in train), ("helsinki", "test")):
            place = f"{city}-{1000 + number}"
            for device in (*REAL_DEVICES, *SIMULATED):
                unused = fold == "train" and device in ("s4", "s5", "s6")
                path = f"audio/{scene}-{place}-{numbers}-{device}.wav"
                rows.append(Row(path, scene, "" if unused else fold, place, device, 1))
    return rows


def stereo_rows() -> list[Row]:
    return [
        Row(f"audio/{scene}-{place}-{segment}-a.wav", scene, fold, place, "a", 2)
        for number, scene in enumerate(SCENES)
        for place, fold in (
            (f"barcelona-{number}", "train"), (f"paris-{number}", "test"), (f"milan-{number}", "")
        )
        for segment in (0, 1)
    ]  # fmt: skip


def write_urban(folder: Path, rows: list[Row], lists: str = "csv") -> None:
    """Write meta.csv and the lists of the one fold; lists that end with .txt have no header."""
    header = ["filename", "scene_label"]
    meta = [[row.path, row.label, row.group, row.device] for row in rows]
    write_table(folder / "meta.csv", [[*header, "identifier", "source_label"], *meta])
    sides = {side: [row for row in rows if row.fold == side] for side in ("train", "test")}
    for part, side, width in (("train", "train", 2), ("test", "test", 1), ("evaluate", "test", 2)):
        table = [list(row[:width]) for row in sides[side]]
        head = [header[:width]] if lists == "csv" else []
        write_table(folder / f"evaluation_setup/fold1_{part}.{lists}", head + table)


def write_tut(folder: Path, seconds: int, with_location: bool) -> list[Row]:
    """Write fifteen scenes of four places each, one per fold, and two parts of each place."""
    rows = []
    for number, scene in enumerate(TUT_SCENES):
        for fold in "1234":
            place = f"{chr(97 + number % 3)}{10 * number + int(fold):03}"
            for start in (0, seconds):
                path = f"audio/{place}_{start}_{start + seconds}.wav"
                rows.append(Row(path, scene, fold, place, "", 2))
    meta = [[row.path, row.label, *([row.group] if with_location else [])] for row in rows]
    write_table(folder / "meta.txt", meta)
    write_folds(folder, rows, "1234", meta)
    write_audio(folder, rows, 44_100, "PCM_24")
    return rows


def write_folds(folder: Path, rows: list[Row], folds: str, meta: list[list[str]]) -> None:
    """Write the train, test and evaluate lists, without a header, that the rows' folds give."""
    for fold in folds:
        test = [line for line, row in zip(meta, rows, strict=True) if row.fold == fold]
        train = [line for line, row in zip(meta, rows, strict=True) if row.fold != fold]
        setup = folder / "evaluation_setup"
        write_table(setup / f"fold{fold}_train.txt", train)
        write_table(setup / f"fold{fold}_test.txt", [line[:1] for line in test])
        write_table(setup / f"fold{fold}_evaluate.txt", test)


def write_table(path: Path, rows: list[list], delimiter: str = "\t") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)


def write_audio(folder: Path, rows: list[Row], rate: int, subtype: str) -> None:
    """Write a tenth of a second of noise for every row, different in each file."""
    for number, row in enumerate(rows):
        path = folder / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, (rate // 10, row.channels))
        soundfile.write(path, noise, rate, subtype)
