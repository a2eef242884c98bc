"""The part of the recipe study that makes classes uneven."""

import numpy as np
import recipe

from asc_nas.audio.logmel import PRESETS
from asc_nas.data.dataset import Examples


def examples(per_class=12, labels=("a", "b", "c")):
    targets = np.tile(np.arange(len(labels)), per_class)
    count = np.arange(len(targets))
    keys = tuple(map(str, count))
    frontend = PRESETS["esc10_coarse"]
    return Examples(np.zeros((len(count), 2, 3)), count + 5, targets, count, keys, labels, frontend)


def test_every_other_class_keeps_one_clip_of_n():
    whole = examples()
    few = recipe.thinned(whole, 4)
    assert np.bincount(few.targets).tolist() == [3, 12, 3]
    assert set(zip(few.rows, few.targets, few.clips, strict=True)) < set(
        zip(whole.rows, whole.targets, whole.clips, strict=True)
    )


def test_without_thinning_all_clips_stay():
    whole = examples()
    assert recipe.thinned(whole, 1).rows.tolist() == whole.rows.tolist()
