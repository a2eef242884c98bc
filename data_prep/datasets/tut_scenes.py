"""TUT Acoustic Scenes 2016 and 2017: fifteen scenes, four folds.

A. Mesaros, T. Heittola, T. Virtanen, "TUT database for acoustic scene classification and sound
event detection", EUSIPCO 2016. The group is the location, the part of the name before the first
``_``.
"""

import re

from data_prep.datasets.dcase_lists import DcaseLayout
from data_prep.datasets.reader import READERS, DatasetInfo, Reader


def _layout(year: str, seconds: int, clips: int, columns: tuple[str, ...]) -> DcaseLayout:
    location = "" if "group" not in columns else " and the location 'b020'"
    return DcaseLayout(
        name=f"tut-{year}",
        info=DatasetInfo(
            f"TUT Acoustic Scenes {year}, development: stereo, 44.1 kHz, {seconds} s",
            "free non-commercial",
            15,
            4,
            clips,
            packages=f"tut_{year}",
        ),
        columns=columns,
        file_name=re.compile(r"audio/(?P<group>[A-Za-z0-9]+)_[^/\t]+\.(?:wav|flac)"),
        example=f"'audio/b020_90_100.wav', 'beach'{location}, separated by tabs",
        folds=("1", "2", "3", "4"),
        channels=2,
    )


TUT_2016 = _layout("2016", 30, 1_170, ("path", "label"))
TUT_2017 = _layout("2017", 10, 4_680, ("path", "label", "group"))

for _set in (TUT_2017, TUT_2016):
    READERS.register(_set.info.packages)(Reader(_set.read, _set.info))
