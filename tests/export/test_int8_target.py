"""The int8 target: its card's comparison against both files asked by hand."""

from dataclasses import replace

import numpy as np
import pytest
from toy import make_examples

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.export.onnx import export_model
from asc_nas.export.targets import TARGETS, ExportedModel, Source, spread
from asc_nas.runtime.card import CardData, ModelCard
from asc_nas.runtime.classifier import open_session
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import train_network
from asc_nas.training.trainer import TrainConfig, Trainer

GENOTYPE = Genotype.parse("t3e1w1 f3e1w1 t3e1w1 f3e1w1 t3e1w1")


def examples(clips, seed):
    """Return examples of 25 frames, as the front end makes of 24 hops."""
    made = make_examples(clips, size=(16, 25), seed=seed)
    frontend = made.frontend.model_copy(update={"seconds": 24 * 128 / 8000})
    return replace(made, frontend=frontend)


def no_recordings(number):
    raise AssertionError("int8 is compared on log-mel")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    train, test = examples(36, seed=0), examples(30, seed=1)
    spec = resolve(GENOTYPE, skeleton_from("cp_mobile_tiny"), (16, 25), 3)
    trainer = Trainer(TrainConfig(epochs=4, batch_size=8), 0, folder / "state")
    network, _ = train_network(spec, train, trainer)
    card = export_model(
        network,
        spread(test, 8),
        folder,
        name="toy",
        labels=test.labels,
        frontend=test.frontend,
        genotype=str(GENOTYPE),
        macs=1,
        params=1,
        results={},
        data=CardData(name="toy"),
    )
    return Source(ExportedModel(folder / "toy.onnx", card), train, test, no_recordings)


@pytest.fixture(scope="module")
def made(source):
    return TARGETS["int8"](source)


def decisions(file, examples):
    session = open_session(file.read_bytes(), threads=1)  # a plain one overflows without VNNI
    clips = [examples.batch(np.array([i]))[0].numpy() for i in range(len(examples))]
    return np.array([session.run(None, {"log_mel": clip})[0].argmax() for clip in clips])


def test_agreement_and_accuracy_are_those_of_both_files_on_test(source, made):
    targets = source.test.clip_targets
    float_says, int8_says = (decisions(m.file, source.test) for m in (source.model, made))
    quantization = made.card.quantization
    assert quantization.agreement == pytest.approx(np.mean(float_says == int8_says))
    assert made.card.results["accuracy"] == pytest.approx(np.mean(int8_says == targets))
    assert quantization.float_results["accuracy"] == pytest.approx(np.mean(float_says == targets))
    for place, label in enumerate(source.test.labels):
        own = targets == place
        assert quantization.agreement_per_class[label] == pytest.approx(
            np.mean(float_says[own] == int8_says[own])
        )


def test_the_card_lies_beside_the_file_and_names_it(made):
    assert made.file.name == "toy-int8.onnx"
    assert ExportedModel.read(made.file) == made
    assert ModelCard.read(made.file.with_suffix(".json")).numeric_type == "int8"
    assert made.card.quantization.calibrated_on == "train"


def test_what_is_int8_already_is_refused(source, made):
    with pytest.raises(AscNasError, match="is int8 already; give the float network"):
        TARGETS["int8"](Source(made, source.train, source.test, no_recordings))


def test_the_onnx_target_keeps_the_float_model_and_a_misspelt_one_gets_a_hint(source):
    assert TARGETS["onnx"](source) is source.model
    with pytest.raises(UsageError, match=r"unknown export target 'int'.* Did you mean 'int8'"):
        TARGETS["int"]
