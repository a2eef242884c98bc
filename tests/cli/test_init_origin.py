"""What `init --start-from` tells of weights that come with a card."""

import numpy as np
import pytest
import soundfile
from tiny import asc_nas_here as asc_nas
from toy_classifier import FRONTEND, write_toy_model

from asc_nas.nn.subnet import SubNet
from asc_nas.run.start import told_by
from asc_nas.runtime.card import ModelCard
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import Skeleton
from asc_nas.training import checkpoint

SKELETON = Skeleton.model_validate({
    "stem": [{"channels": 4, "stride": [2, 2]}],
    "stages": [{"channels": 4, "strides": [[1, 1]]}],
})  # fmt: skip
GENE = Genotype.parse("t3e1w1")


@pytest.fixture
def recordings(tmp_path):
    rng, rate = np.random.default_rng(0), FRONTEND.sample_rate
    for label in ("hum", "whistle"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for take in range(8):
            sound = rng.normal(0, 0.1, rate)
            soundfile.write(
                tmp_path / f"mine/{label}/{label}-{take}.wav", sound, FRONTEND.sample_rate
            )
    return tmp_path / "mine"


@pytest.fixture
def model_with_weights(tmp_path):
    """The model `toy` with its card and weights of some network, in a folder of models."""
    spec = resolve(GENE, SKELETON, FRONTEND.size, 2)
    told = told_by(GENE, SKELETON, FRONTEND, ("a", "b"))
    file = write_toy_model(tmp_path / "models")
    checkpoint.save(file.with_suffix(".safetensors"), SubNet(spec), told)
    return file


@pytest.mark.parametrize("licence", ["CC BY 3.0", "CC BY-NC 3.0"])
def test_of_weights_with_a_card_it_is_told_what_they_learnt_from(
    tmp_path, recordings, model_with_weights, licence
):
    card = ModelCard.read(model_with_weights.with_suffix(".json"))
    data = card.data.model_copy(update={"licence": licence, "source": "Somebody's sounds"})
    card.model_copy(update={"data": data}).write(model_with_weights.with_suffix(".json"))
    done = asc_nas("init", recordings, "--no-check", "--start-from", "toy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "toy was trained on Somebody's sounds." in done.stdout
    assert "a test on them means nothing" in done.stdout
    assert ("toy is not for commercial use" in done.stderr) == ("NC" in licence)
    (config,) = tmp_path.glob("*.yaml")
    assert f"# The weights are of Somebody's sounds; {licence}\n" in config.read_text()
