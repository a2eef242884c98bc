"""What cannot be exported to the target of a search is told before it."""

import pytest

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import UsageError
from asc_nas.export.possible import require_target
from asc_nas.space.hearing import spec_of
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton

FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=16, win_length=256, hop_length=160, n_fft=256, seconds=0.5
)
SKELETON = Skeleton(
    stem=[{"channels": 8, "stride": [1, 1]}], stages=[{"channels": 8, "strides": [[1, 1], [1, 2]]}]
)


def ask(target, strides=((1, 1), (1, 2)), **space):
    stages = [{"channels": 8, "strides": [list(stride) for stride in strides]}]
    skeleton = Skeleton.model_validate(SKELETON.model_dump() | {"stages": stages})
    config = SpaceConfig(kernels=[["t3", "f3"]], expansions=[1], **space)
    built = SearchSpace.build(config, skeleton, FRONTEND)
    require_target(target, built, lambda g: spec_of(g, skeleton, FRONTEND, 3), FRONTEND)
    return built


@pytest.mark.parametrize("target", ["c", "tflite"])
def test_what_can_be_exported_passes(target):
    ask(target, frontends=[{"win_length": 200}, {"win_length": 256}])


def test_a_transform_that_no_c_code_does_is_told_whichever_front_end_has_it():
    windows = [{"win_length": 256}, {"win_length": 514}]  # 2 * 257
    with pytest.raises(UsageError, match=r"search\.limits\.target: a transform of 514 samples"):
        ask("c", frontends=windows)
    ask("tflite", frontends=windows)  # the front end is not in it


def test_an_average_that_no_tflite_has_is_told():
    with pytest.raises(UsageError, match=r"search\.limits\.target: block 1: averages of \(3, 1\)"):
        ask("tflite", strides=((1, 1), (3, 1)))
    ask("c", strides=((1, 1), (3, 1)))
