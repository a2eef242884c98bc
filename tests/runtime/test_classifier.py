import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn
from toy_classifier import toy_classifier, write_toy_model

from asc_nas.audio.io import AudioError
from asc_nas.audio.logmel import FrontEnd, log_mel
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import sha256
from asc_nas.export.onnx import export_model
from asc_nas.runtime import model_files
from asc_nas.runtime.card import CardData, ModelCard
from asc_nas.runtime.classifier import Classifier

RATE = 8000
FRONTEND = FrontEnd(
    sample_rate=RATE, n_mels=16, win_length=256, hop_length=128, n_fft=256, seconds=1.0
)
LABELS = ("tram", "street", "park")  # deliberately not in alphabetical order


class Net(nn.Module):
    """Answers that depend on the spectrum, and batch norms that matter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Conv2d(8, 3, 1)
        generator = torch.Generator().manual_seed(34)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5, generator=generator)
        nn.init.normal_(self.head.weight, std=2, generator=generator)
        nn.init.zeros_(self.head.bias)
        nn.init.normal_(self.norm.running_mean, generator=generator)
        nn.init.uniform_(self.norm.running_var, 0.5, 2, generator=generator)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.conv((log_mel + 45) / 15)))).mean(dim=(2, 3))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """Return a folder with one exported model, ``tiny``; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("models")
    export_model(
        Net(),
        log_mel(noise(4, RATE), FRONTEND),
        folder,
        name="tiny",
        labels=LABELS,
        frontend=FRONTEND,
        genotype="t5e2w1",
        macs=1000,
        params=50,
        results={"accuracy": 0.5},
        data=CardData(name="made up"),
    )
    return folder


@pytest.fixture
def copied(models, tmp_path) -> Path:
    return Path(shutil.copytree(models, tmp_path / "models"))


@pytest.fixture(scope="module")
def tiny(models) -> Classifier:
    return Classifier.load(models / "tiny.onnx")


def noise(channels: int, samples: int, seed: int = 0) -> np.ndarray:
    """Return (channels, samples) float32, each second and channel of another colour."""
    generator = np.random.default_rng(seed)
    wave = generator.normal(0, 0.1, (channels, samples))
    for channel in range(channels):
        for second, start in enumerate(range(0, samples, RATE)):
            part = wave[channel, start : start + RATE]
            part[:] = np.convolve(part, np.ones(1 + 3 * ((second + channel) % 4)), "same")
            part *= 10.0 ** -((2 * second + channel) % 5 / 2)
    return wave.astype(np.float32)


def pytorch_posterior(wave: np.ndarray) -> np.ndarray:
    """Return (n, classes) probabilities of windows (n, samples)."""
    mel = torch.from_numpy(log_mel(wave, FRONTEND)[:, None])
    with torch.inference_mode():
        return Net().eval()(mel).softmax(dim=1).double().numpy()


def test_a_wav_file_gets_the_label_and_probabilities_of_pytorch(tiny, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1, RATE).T, RATE, subtype="FLOAT")
    answer = tiny.classify(tmp_path / "a.wav")
    expected = pytorch_posterior(noise(1, RATE))[0]
    assert list(answer.scores) == [*LABELS, "none of these", "silent"]
    np.testing.assert_allclose(list(answer.scores.values()), [*expected, 0, 0], atol=1e-4)
    assert answer.label == LABELS[expected.argmax()]
    assert answer.probability == answer.scores[answer.label]
    assert answer.path == str(tmp_path / "a.wav")
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-12)


def test_a_long_file_of_many_channels_gets_the_mean(tiny):
    wave = noise(3, 4 * RATE)
    answer = tiny.classify(wave, RATE)
    windows = wave.reshape(3, 4, RATE).swapaxes(0, 1)
    expected = np.stack([pytorch_posterior(window).mean(axis=0) for window in windows])
    assert expected.std(axis=0).max() > 0.1  # else the windows would not tell means apart
    found = list(answer.scores.values())
    np.testing.assert_allclose(found, [*expected.mean(axis=0), 0, 0], atol=1e-4)
    assert [(s.start, s.end) for s in answer.segments] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [s.label for s in answer.segments] == [LABELS[i] for i in expected.argmax(axis=1)]
    assert [s.probability for s in answer.segments] == pytest.approx(expected.max(1), abs=1e-4)


def test_the_last_segment_ends_with_the_recording(tiny):
    answer = tiny.classify(noise(1, RATE + 6000), RATE)
    assert [(s.start, s.end) for s in answer.segments] == [(0, 1), (1, 1.75)]
    (short,) = tiny.classify(noise(1, 400), RATE).segments
    assert (short.start, short.end) == (0, 0.05)


def test_an_array_is_resampled_like_a_file(tiny, tmp_path):
    wave = noise(2, 24000)
    soundfile.write(tmp_path / "a.wav", wave.T, 12000, subtype="FLOAT")
    from_file, from_array = tiny.classify(tmp_path / "a.wav"), tiny.classify(wave, 12000)
    assert from_array.scores == pytest.approx(from_file.scores, abs=1e-6)
    assert from_array.segments == from_file.segments
    assert from_array.path == ""


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros((RATE, 2), np.float32), "expected .*transpose it"),
        (np.zeros(0, np.float32), "has no samples"),
        (np.zeros(RATE, np.int16), "floating point"),
        (np.full(RATE, np.nan, np.float32), "NaN"),
    ],
)
def test_an_array_that_is_not_audio_is_refused(tiny, wave, message):
    with pytest.raises(AudioError, match=message):
        tiny.classify(wave, RATE)


def test_the_json_form_has_the_documented_keys(tiny):
    plain = json.loads(json.dumps(tiny.classify(noise(1, 2 * RATE), RATE).to_json()))
    assert list(plain) == ["path", "label", "probability", "scores", "segments"]
    assert [list(s) for s in plain["segments"]] == [["start", "end", "label", "probability"]] * 2


@pytest.mark.parametrize("model", ["models/tiny.onnx", "models/tiny.json", "models", "tiny"])
def test_a_model_is_found_by_path_folder_and_name(copied, monkeypatch, model):
    monkeypatch.chdir(copied.parent)
    (copied.parent / "tiny").mkdir()  # a folder of that name does not hide the model
    assert Classifier.load(model).card.name == "tiny"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("tinny", "Did you mean 'tiny'"),
        ("elsewhere/other.onnx", "In models/: tiny"),
        ("empty", "holds no model"),
        ("notes.txt", "not a model"),
    ],
)
def test_a_model_that_is_not_there_is_one_clear_error(copied, monkeypatch, model, message):
    monkeypatch.chdir(copied.parent)
    Path("empty").mkdir()
    Path("notes.txt").touch()
    with pytest.raises(AscNasError, match=message):
        Classifier.load(model)


def test_without_any_models_the_error_says_what_to_give(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_files, "packaged_folder", lambda: tmp_path / "packaged")
    with pytest.raises(AscNasError, match=r"there is no folder .models. .* give the path"):
        Classifier.load("models")


def test_a_folder_with_several_models_lists_them(copied):
    shutil.copy(copied / "tiny.onnx", copied / "big.onnx")
    with pytest.raises(AscNasError, match="several models, name one: big, tiny"):
        Classifier.load(copied)


@pytest.mark.parametrize(("gone", "left"), [(".json", ".onnx"), (".onnx", ".json")])
def test_a_missing_partner_file_is_named(copied, gone, left):
    (copied / f"tiny{gone}").unlink()
    with pytest.raises(AscNasError, match=rf"tiny\{gone}: no such file"):
        Classifier.load(copied / f"tiny{left}")


def test_a_damaged_network_is_refused(copied):
    path = copied / "tiny.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(AscNasError, match=r"tiny\.onnx: not the file that tiny\.json describes"):
        Classifier.load(path)


def test_a_foreign_json_is_refused(copied):
    (copied / "tiny.json").write_text('{"labels": ["a"]}')
    with pytest.raises(AscNasError, match=r"tiny\.json: not the card"):
        Classifier.load(copied / "tiny.onnx")


def test_a_foreign_onnx_is_refused_even_if_the_hash_fits(copied):
    (copied / "tiny.onnx").write_bytes(b"not a network")
    changed(copied, sha256=sha256(copied / "tiny.onnx"))
    with pytest.raises(AscNasError, match=r"tiny\.onnx: not a readable ONNX model"):
        Classifier.load(copied / "tiny.onnx")


@pytest.mark.parametrize(
    "change",
    [{"labels": ("tram", "park")}, {"frontend": FRONTEND.model_copy(update={"n_mels": 20})}],
)
def test_a_card_that_does_not_fit_the_network_is_refused(copied, change):
    changed(copied, **change)
    with pytest.raises(AscNasError, match="does not fit its card"):
        Classifier.load(copied / "tiny.onnx")


def changed(folder: Path, **values: object) -> None:
    card = ModelCard.read(folder / "tiny.json")
    card.model_copy(update=values).write(folder / "tiny.json")


def test_classifying_needs_none_of_the_training_packages(models, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1, RATE).T, 12000)
    code = (
        "import sys\nfrom asc_nas.runtime.classifier import Classifier\n"
        f"Classifier.load({str(models)!r}).classify({str(tmp_path / 'a.wav')!r})\n"
        "heavy = 'torch pymoo librosa sklearn pyarrow scipy onnx matplotlib'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_array_without_its_sample_rate_is_refused():
    with pytest.raises(UsageError, match="needs its sample_rate"):
        toy_classifier().classify(noise(1, RATE))


def test_a_network_of_another_shape_has_no_features(tmp_path):
    model = write_toy_model(tmp_path)
    with pytest.raises(AscNasError, match="toy: has no layer whose features are known"):
        Classifier.load(model).embed(noise(1, RATE), RATE)


@pytest.mark.parametrize("rate", [0, -5, float("nan"), float("inf"), 44100.5, "44100", 10**9])
def test_a_sample_rate_that_is_none_is_refused(rate):
    with pytest.raises(UsageError, match="expected whole hertz"):
        toy_classifier().classify(noise(1, RATE), rate)


def test_a_whole_sample_rate_of_any_type_will_do():
    wave = noise(1, RATE)
    expected = toy_classifier().classify(wave, RATE).scores
    for rate in (float(RATE), np.int64(RATE), np.float32(RATE)):
        assert toy_classifier().classify(wave, rate).scores == expected
