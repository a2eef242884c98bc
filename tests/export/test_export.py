import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import sha256
from asc_nas.export import onnx as export_module
from asc_nas.export.onnx import export_model, export_onnx
from asc_nas.export.target import ExportedModel
from asc_nas.runtime import onnx_file
from asc_nas.runtime.card import CardData, CardRecorder, ModelCard
from asc_nas.runtime.classifier import OUTPUT, output_of
from asc_nas.runtime.onnx_file import one_network

FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=16, win_length=256, hop_length=128, n_fft=256, seconds=1.0
)
CARD = {
    "name": "tiny",
    "labels": ("street", "park", "tram"),
    "frontend": FRONTEND,
    "genotype": "t5e2w1",
    "macs": 1000,
    "params": 50,
    "results": {"accuracy": 0.5},
    "data": CardData(name="made up"),
}


class TinyNet(nn.Module):
    """Normalisation, a strided, a temporal and a residual part, and batch norms that matter."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.linspace(-60, -30, 16).view(1, 1, 16, 1))
        self.stem = nn.Conv2d(1, 6, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.temporal = nn.Conv2d(6, 6, (1, 5), padding=(0, 2), groups=6)
        self.head = nn.Conv2d(6, 3, 1)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.7, generator=generator)
        nn.init.normal_(self.norm.running_mean, generator=generator)
        nn.init.uniform_(self.norm.running_var, 0.3, 3, generator=generator)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.stem((log_mel - self.mean) / 10)))
        return self.head(x + self.temporal(x)).mean(dim=(2, 3))


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    generator = np.random.default_rng(1)
    shape = (7, FRONTEND.n_mels, FRONTEND.frames)
    return generator.normal(-45, 15, shape).astype(np.float32)


@pytest.fixture(scope="module")
def exported(clips, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export_model(TinyNet(), clips, folder, **CARD)
    return folder / "tiny.onnx"


def test_the_exported_network_answers_as_pytorch_does(exported, clips):
    session = onnxruntime.InferenceSession(exported)
    with torch.inference_mode():
        expected = TinyNet().eval()(torch.from_numpy(clips[:, None])).numpy()
    for count in (1, 5):
        (logits,) = session.run(["logits"], {"log_mel": clips[:count, None]})
        np.testing.assert_allclose(logits, expected[:count], rtol=1e-4, atol=1e-4)


def test_the_returned_difference_is_small_and_the_module_is_left_in_training(clips, tmp_path):
    module = TinyNet().train()
    difference = export_onnx(module, FRONTEND, clips, tmp_path / "tiny.onnx")
    assert 0 <= difference < 1e-5
    assert module.training


def test_the_card_describes_the_file(exported):
    card = ModelCard.read(exported.with_suffix(".json"))
    assert card.bytes == exported.stat().st_size
    assert card.sha256 == sha256(exported)
    assert (card.name, card.labels, card.frontend) == ("tiny", CARD["labels"], FRONTEND)


def test_the_temperature_is_in_the_card_and_not_in_the_network(exported, clips, tmp_path):
    card = export_model(TinyNet(), clips, tmp_path, **CARD, temperature=0.7)
    assert card.temperature == ModelCard.read(tmp_path / "tiny.json").temperature == 0.7
    assert (tmp_path / "tiny.onnx").read_bytes() == exported.read_bytes()


def test_a_copy_has_another_name_and_nothing_else(exported, tmp_path):
    for suffix in (".onnx", ".json"):
        shutil.copy(exported.with_suffix(suffix), tmp_path)
    original = ExportedModel.read(tmp_path / "tiny.onnx")
    copy = original.copied_as("tiny-0.5-best")
    assert copy.file == tmp_path / "tiny-0.5-best.onnx"
    assert copy.file.read_bytes() == exported.read_bytes()
    assert copy == ExportedModel.read(copy.file)
    assert copy.card == original.card.model_copy(update={"name": "tiny-0.5-best"})


def test_the_folder_holds_the_two_files_only(exported):
    assert sorted(p.name for p in exported.parent.iterdir()) == ["tiny.json", "tiny.onnx"]


def test_the_file_says_nothing_of_where_it_was_made(exported):
    content = exported.read_bytes()
    for trace in (__file__, str(Path(torch.__file__).parent), "TinyNet", "forward", ".py"):
        assert trace.encode() not in content
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    assert [o.version for o in model.opset_import if not o.domain] == [export_module.OPSET]


@pytest.mark.slow
def test_the_same_weights_give_the_same_bytes_in_another_process(exported, clips, tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import numpy as np, test_export as t\nfrom pathlib import Path\n"
        "t.export_onnx(t.TinyNet(), t.FRONTEND, np.load('clips.npy'), Path('other.onnx'))\n"
    )
    np.save(tmp_path / "clips.npy", clips)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "other.onnx").read_bytes() == exported.read_bytes()
    assert (done.stdout, done.stderr) == ("", "")  # and it is quiet


RECORDERS = tuple(CardRecorder(recorder=name, results={}) for name in ("a", "Zoom H5/2"))


@pytest.fixture(scope="module")
def of_several(clips, tmp_path_factory) -> Path:
    """One file with a general network and two for recording devices."""
    folder = tmp_path_factory.mktemp("several")
    networks = [(told, TinyNet(seed)) for seed, told in enumerate(RECORDERS, start=1)]
    export_model(TinyNet(), clips, folder, **CARD, recorders=networks)
    return folder / "tiny.onnx"


def test_one_file_holds_each_network_as_it_is_alone(of_several, exported, clips, tmp_path):
    assert ModelCard.read(of_several.with_suffix(".json")).recorders == RECORDERS
    outputs = [OUTPUT, *(output_of(told.recorder) for told in RECORDERS)]
    parts = [one_network(of_several.read_bytes(), outputs, output) for output in outputs]
    assert onnx.load_from_string(parts[0]) == onnx.load(exported)
    for seed, output in enumerate(outputs):
        export_onnx(TinyNet(seed), FRONTEND, clips, tmp_path / "alone.onnx")
        alone = onnxruntime.InferenceSession(tmp_path / "alone.onnx")
        found = onnxruntime.InferenceSession(parts[seed])
        fed = {"log_mel": clips[:, None]}
        assert [end.name for end in found.get_outputs()] == [output]
        assert np.array_equal(found.run(None, fed)[0], alone.run(None, fed)[0])
        with torch.inference_mode():
            expected = TinyNet(seed).eval()(torch.from_numpy(clips[:, None])).numpy()
        np.testing.assert_allclose(found.run(None, fed)[0], expected, rtol=1e-4, atol=1e-4)


def test_each_of_several_networks_is_compared_with_pytorch(clips, tmp_path, monkeypatch):
    real, seeds = export_module._to_onnx, iter((0, 9))
    monkeypatch.setattr(
        export_module, "_to_onnx", lambda net, *rest: real(TinyNet(next(seeds)), *rest)
    )
    networks = [(RECORDERS[0], TinyNet(1))]
    with pytest.raises(AscNasError, match="does not answer as PyTorch does"):
        export_model(TinyNet(), clips, tmp_path, **CARD, recorders=networks)
    assert not list(tmp_path.iterdir())


def test_more_networks_than_classify_would_read_are_not_written(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "MOST_NODES", 12)
    networks = [(RECORDERS[0], TinyNet(1))]
    with pytest.raises(AscNasError, match=r"classify would refuse the file: it has \d+ operations"):
        export_model(TinyNet(), clips, tmp_path, **CARD, recorders=networks)
    assert not list(tmp_path.iterdir())


def test_a_network_that_answers_otherwise_is_not_kept(clips, tmp_path, monkeypatch):
    real = export_module._to_onnx
    monkeypatch.setattr(export_module, "_to_onnx", lambda net, *rest: real(TinyNet(9), *rest))
    target = tmp_path / "tiny.onnx"
    target.write_bytes(b"what stood there before")
    with pytest.raises(AscNasError, match="does not answer as PyTorch does"):
        export_onnx(TinyNet(), FRONTEND, clips, target)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.onnx"]
    assert target.read_bytes() == b"what stood there before"


def test_a_network_that_gives_nan_is_not_kept(clips, tmp_path):
    module = TinyNet()
    module.head.bias.data[0] = float("nan")
    with pytest.raises(AscNasError, match="does not answer"):
        export_onnx(module, FRONTEND, clips, tmp_path / "tiny.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_exported_is_one_clear_quiet_error(clips, tmp_path, capfd):
    class Branching(TinyNet):
        def forward(self, log_mel):
            logits = super().forward(log_mel)
            return logits if logits.sum() > 0 else -logits

    with pytest.raises(AscNasError, match=r"tiny\.onnx: PyTorch could not export it: .*data") as no:
        export_onnx(Branching(), FRONTEND, clips, tmp_path / "tiny.onnx")
    assert str(no.value).isprintable()
    assert tuple(capfd.readouterr()) == ("", "")
    assert not list(tmp_path.iterdir())


def test_example_clips_of_another_shape_are_refused(clips, tmp_path):
    for wrong in (clips[:, :-1], clips[0], clips[:0]):
        with pytest.raises(AscNasError, match=r"expected \(clips, 16, 63\)"):
            export_onnx(TinyNet(), FRONTEND, wrong, tmp_path / "tiny.onnx")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"labels": ("street", "park")}, r"expected \(7, 2\)"), ({"name": "a/b"}, "'name'")],
)
def test_a_card_that_does_not_fit_is_refused_before_anything_is_written(
    clips, tmp_path, change, message
):
    with pytest.raises(AscNasError, match=message):
        export_model(TinyNet(), clips, tmp_path, **{**CARD, **change})
    assert not list(tmp_path.iterdir())
