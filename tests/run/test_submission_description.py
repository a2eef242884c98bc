"""What the meta file of a submission says of how a network was trained."""

from types import SimpleNamespace

import pytest

from asc_nas.audio.logmel import PRESETS
from asc_nas.run.config import RetrainConfig
from asc_nas.run.submission.system import _description

TAUGHT = {"teacher": {"logits": ["teacher.npz"]}}


@pytest.mark.parametrize(
    ("settings", "half", "pipeline", "managed"),
    [
        ({}, False, "search, train", "neural architecture search"),
        (
            TAUGHT,
            True,
            "train teachers, search, train",
            "neural architecture search, knowledge distillation, precision_16",
        ),
        ({"start_from": "x"}, False, "pretraining, search, train", "neural architecture search"),
    ],
)
def test_teachers_and_weights_of_others_are_told(settings, half, pipeline, managed):
    retrain = RetrainConfig.parse(settings, "here")
    run = SimpleNamespace(config=SimpleNamespace(retrain=retrain))
    told = _description(run, SimpleNamespace(front_end=PRESETS["esc10"]), half, adapted=False)
    assert (told["pipeline"], told["complexity_management"]) == (pipeline, managed)
    adapted = _description(run, SimpleNamespace(front_end=PRESETS["esc10"]), half, adapted=True)
    assert adapted == told | {"pipeline": f"{pipeline}, fine-tune by device"}
