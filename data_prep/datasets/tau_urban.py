"""TAU and TUT Urban Acoustic Scenes: ten scenes of European cities, one published split.

A. Mesaros, T. Heittola, T. Virtanen, "A multi-device dataset for urban acoustic scene
classification", DCASE Workshop 2018. The group is the location, ``{city}-{number}``; a clip in
neither list of the split, such as one of a device that is only tested, has an empty fold. Of the
set of 2022, a part of the train list can be taken, see ``train_splits``.
"""

import re

from data_prep.datasets.dcase_lists import PUBLISHED_SPLIT, DcaseLayout
from data_prep.datasets.reader import READERS, DatasetInfo, Reader


def _layout(
    name: str,
    title: str,
    clips: int,
    channels: int,
    numbers: int,
    lists: str = ".csv",
    splits: tuple[str, ...] = (),
) -> DcaseLayout:
    """Return the layout of one year; `numbers` stand between location and device."""
    file_name = (
        r"audio/(?P<label>[a-z_]+)-(?P<group>[a-z]+-\d+)"
        + r"-\d+" * numbers
        + r"-(?P<device>[a-z]\d*)\.(?:wav|flac)"
    )
    example = f"audio/airport-lisbon-1000{'-0' * numbers}-a.wav"
    return DcaseLayout(
        name=name.replace("_", "-"),
        info=DatasetInfo(title, "free non-commercial", 10, 1, clips, name, splits),
        columns=("path", "label", "group", "device"),
        file_name=re.compile(file_name),
        example=f"'{example}', 'airport', 'lisbon-1000' and the device 'a', separated by tabs",
        folds=PUBLISHED_SPLIT,
        channels=channels,
        meta=("meta.csv",),
        suffix=lists,
    )


MOBILE_2020 = _layout(
    "tau_urban_2020_mobile",
    "TAU Urban Acoustic Scenes 2020 Mobile, development: 9 devices, 10 s",
    clips=23_040,
    channels=1,
    numbers=1,
)
MOBILE_2022 = _layout(
    "tau_urban_2022_mobile",
    "TAU Urban Acoustic Scenes 2022 Mobile, development: the same, 1 s",
    clips=230_350,
    channels=1,
    numbers=2,
    splits=("5", "10", "25", "50", "100"),
)
URBAN_2019 = _layout(
    "tau_urban_2019",
    "TAU Urban Acoustic Scenes 2019, development: stereo, 48 kHz, 10 s",
    clips=14_400,
    channels=2,
    numbers=1,
)
URBAN_2018 = _layout(
    "tut_urban_2018",
    "TUT Urban Acoustic Scenes 2018, development: stereo, 48 kHz, 10 s",
    clips=8_640,
    channels=2,
    numbers=1,
    lists=".txt",
)

for _set in (MOBILE_2020, MOBILE_2022, URBAN_2019, URBAN_2018):
    READERS.register(_set.info.packages)(Reader(_set.read, _set.info))
