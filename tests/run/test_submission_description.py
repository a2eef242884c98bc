"""What the meta file of a submission says of how a network was trained."""

from types import SimpleNamespace

import pytest

from asc_nas.audio.logmel import PRESETS
from asc_nas.run.config import RetrainConfig
from asc_nas.run.submission.system import _description

TAUGHT = {"teacher": {"logits": ["teacher.npz"]}}


@pytest.mark.parametrize(
    ("settings", "numeric_type", "pipeline", "managed"),
    [
        ({}, "float32", "search, train", "neural architecture search"),
        (
            TAUGHT,
            "float16",
            "train teachers, search, train",
            "neural architecture search, knowledge distillation, precision_16",
        ),
        (
            {"start_from": "x"},
            "int8",
            "pretraining, search, train",
            "neural architecture search, weight quantization",
        ),
    ],
)
def test_teachers_and_weights_of_others_are_told(settings, numeric_type, pipeline, managed):
    retrain = RetrainConfig.parse(settings, "here")
    run = SimpleNamespace(config=SimpleNamespace(retrain=retrain))
    told = _description(
        run, SimpleNamespace(front_end=PRESETS["esc10"]), numeric_type, adapted=False
    )
    assert (told["pipeline"], told["complexity_management"]) == (pipeline, managed)
    adapted = _description(
        run, SimpleNamespace(front_end=PRESETS["esc10"]), numeric_type, adapted=True
    )
    assert adapted == told | {"pipeline": f"{pipeline}, fine-tune by device"}
