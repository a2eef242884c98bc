"""Print what ``dcase_util`` reads from generated trees, as JSON: the lists that our readers match.

It is run by hand, because ``dcase_util`` brings many dependencies that clash with ours:

    python -m venv dcase_util_env
    dcase_util_env/bin/pip install dcase_util==0.2.20
    cd tests/golden
    ../../dcase_util_env/bin/python make_dcase_util_lists.py > dcase_util_lists.json

Python 3.11 with numpy 2.4.6, librosa 0.11.0, scikit-learn 1.9.1, soundfile 0.14.0 and setuptools
65.5.0 is known to work. The file holds, by
dataset and fold, the train list (path and label), the test list (path), the evaluate list (path and
label) and, by path, the group and the device where ``dcase_util`` tells them. Each is sorted.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import trees

SETS = {
    "dcase2018_task5": ("DCASE2018_Task5_DevelopmentSet", trees.task5),
    "tau_urban_2020_mobile": ("TAUUrbanAcousticScenes_2020_Mobile_DevelopmentSet", trees.tau_2020),
}


def lists(class_name: str, folder: Path) -> dict[str, dict[str, list]]:
    """Return fold -> list name -> rows, as `dcase_util` reads them from `folder`."""
    import dcase_util

    dataset = getattr(dcase_util.datasets, class_name)(
        storage_name=folder.name, data_path=str(folder.parent), included_content_types="meta"
    )
    dataset.load()  # without initialize(), which would download
    found = {}
    for fold in dataset.folds():
        train, test, evaluate = (
            part(fold=fold, absolute_paths=False)
            for part in (dataset.train, dataset.test, dataset.eval)
        )
        found[str(fold)] = {
            "train": sorted([item.filename, item.scene_label] for item in train),
            "test": sorted([item.filename for item in test]),
            "evaluate": sorted([item.filename, item.scene_label] for item in evaluate),
        }
    meta = (
        [dataset.absolute_to_relative_path(item.filename), item.identifier, item.source_label]
        for item in dataset.meta
    )
    found["meta"] = {"group and device": sorted(meta)}
    return found


def main() -> None:
    found: dict[str, object] = {"dcase_util": version("dcase_util")}
    for name, (class_name, write_tree) in SETS.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / name
            write_tree(folder)
            found[name] = lists(class_name, folder)
    print(json.dumps(found, separators=(",", ":")).replace("],[", "],\n["))


if __name__ == "__main__":
    main()
