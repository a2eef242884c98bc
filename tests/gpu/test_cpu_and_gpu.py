"""A GPU gives what the CPU gives, but for rounding: make gpu-check."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import TINY
from toy import HEARD, make_examples, specs_on

from asc_nas.audio.logmel import log_mel
from asc_nas.cost.counts import count
from asc_nas.data import loading
from asc_nas.data.augment import AugmentConfig
from asc_nas.data.device_front_end import DeviceFrontEnd
from asc_nas.data.loading import Loader
from asc_nas.nn.depthwise import depthwise_conv2d
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.run import Run
from asc_nas.search.evaluator import JudgedPart
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.space.netspec import ConvSpec
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.device import to_device
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer, posteriors
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.gpu
GPU = "cuda"
ROUNDING = 5e-3
"""Of a loss, after a few steps: AdamW's first ones go by the sign of gradients, however small."""

SIZE = (32, 48)
SPACE = SearchSpace.build(
    SpaceConfig(kernels=(("t3", "t5", "f3"),), max_paths=2, expansions=(1.0, 2.0)),
    skeleton_from("cp_mobile"),
)
SPECS = specs_on(skeleton_from("cp_mobile"), SIZE, 3)
EXAMPLES = make_examples(16, size=SIZE)
EVERYTHING = AugmentConfig(
    **dict(speed=0.2, tempo=0.1, pitch=1, pad=0.1, crop=0.1, shorten=0.5, shuffle_mix=0.5),
    **dict(between_class=True, mixstyle=1, gain_db=3, response_db=9, band_limit=0.3, noise=1),
)
STEPS = dict(epochs=5, batch_size=16, checkpoint_every=1, learning_rate=2e-3)
"""An epoch is one step, so that the log has the loss of every step."""


class StoppedError(Exception):
    pass


def stop_after(epochs):
    def progress(done, total, text):
        if done == epochs:
            raise StoppedError

    return Hooks(progress=progress)


def new_supernet():
    supernet = Supernet(SPACE, SPECS)
    init_supernet(supernet, torch.Generator().manual_seed(0))
    supernet.input_norm.set_statistics(*EXAMPLES.mel_statistics())
    return supernet


def supernet_losses(folder, device, precision="float32"):
    supernet = new_supernet()
    config = SupernetConfig(augment=EVERYTHING, **STEPS)
    trainer = Trainer(config, 0, folder / device, device=device, precision=precision)
    return [entry.loss for entry in train_supernet(supernet, EXAMPLES, trainer).epochs.epochs]


def retrain(state, device, precision="float32", hooks=None):
    network = new_network(SPECS(SPACE.largest()), 0)
    config = TrainConfig(augment=EVERYTHING, **STEPS)
    trainer = Trainer(config, 0, state, device=device, precision=precision)
    log = fit_network(network, EXAMPLES, replace(trainer, hooks=hooks or Hooks()))
    return network, [entry.loss for entry in log]


def test_the_first_losses_of_a_supernet_are_the_same(tmp_path):
    losses = [supernet_losses(tmp_path, device) for device in ("cpu", GPU)]
    assert losses[1] == pytest.approx(losses[0], rel=ROUNDING)


def test_the_first_losses_of_a_retraining_are_the_same_and_so_is_what_it_says(tmp_path):
    networks, losses = zip(*(retrain(tmp_path / d, d) for d in ("cpu", GPU)), strict=True)
    assert losses[1] == pytest.approx(losses[0], rel=ROUNDING)
    moved = to_device(new_network(SPECS(SPACE.largest()), 0), GPU)
    moved.load_state_dict(networks[0].state_dict())
    said = [posteriors(network, EXAMPLES) for network in (networks[0], moved)]
    torch.testing.assert_close(said[1], said[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("places", [("cpu", GPU), (GPU, "cpu")])
def test_a_training_goes_on_on_the_other_device(tmp_path, places):
    _, expected = retrain(tmp_path / "whole", "cpu")
    with pytest.raises(StoppedError):
        retrain(tmp_path / "state", places[0], hooks=stop_after(2))
    _, losses = retrain(tmp_path / "state", places[1])
    assert losses == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_near_float32(tmp_path, precision):
    expected = supernet_losses(tmp_path / "float32", "cpu")
    losses = supernet_losses(tmp_path / precision, GPU, precision)
    assert losses != expected
    assert losses == pytest.approx(expected, rel=0.05)


def test_candidates_get_the_same_scores():
    part = JudgedPart(new_supernet().eval(), EXAMPLES, make_examples(40, size=SIZE, seed=1))
    rng = np.random.default_rng(0)
    genotypes = [SPACE.sample(rng) for _ in range(12)]
    cpu, gpu = (
        PrefixEvaluator([part], lambda g: count(SPECS(g), HEARD), device=device)(genotypes)
        for device in ("cpu", GPU)
    )
    for one, other in zip(cpu, gpu, strict=True):
        assert other.log_loss == pytest.approx(one.log_loss, rel=ROUNDING)
        assert other.macro_f1 == pytest.approx(one.macro_f1, abs=0.06)  # two clips may tip over


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("kernel", [(1, 5), (5, 1), (3, 3)])
def test_depthwise_gradients_are_the_same(kernel, stride):
    padding = kernel[0] // 2, kernel[1] // 2
    spec = ConvSpec(8, 8, kernel, stride, 8, padding)
    drawn = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, generator=drawn) for shape in ((4, 8, 12, 16), (8, 1, *kernel)))
    found = []
    for device in ("cpu", GPU):
        own = [value.to(device).requires_grad_() for value in (x, weight)]
        depthwise_conv2d(*own, spec).square().sum().backward()
        found.append([value.grad.cpu() for value in own])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("free", [0, 2**30])
def test_batches_are_those_of_the_cpu(monkeypatch, free):
    monkeypatch.setattr(loading, "free_memory", lambda device: free)
    rng = np.random.default_rng(0)
    chosen = [rng.permutation(16)[:5] for _ in range(20)]
    loader = Loader(GPU, again=True)
    for positions, (x, targets) in zip(
        chosen, loader.batches((EXAMPLES, positions) for positions in chosen), strict=True
    ):
        expected, own = EXAMPLES.batch(positions)
        assert x.device.type == torch.device(GPU).type
        assert torch.equal(x.cpu(), expected)
        assert torch.equal(targets, own)


def test_features_made_on_the_card_are_those_of_numpy():
    wave = np.random.default_rng(0).normal(0, 0.1, (2, HEARD.samples)).astype(np.float32)
    own = DeviceFrontEnd(HEARD, GPU)
    np.testing.assert_allclose(own(wave), log_mel(wave, HEARD), atol=1e-3)


def test_a_whole_run_with_two_workers_can_go_on_on_the_cpu(tmp_path):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    settings = {"data.workers": 1, "search.workers": 2, "retrain.workers": 2}
    run = Run.open(TINY, tmp_path / "recordings", settings, tmp_path / "run", device=GPU)
    assert run.run().models
    again = Run.open(run.paths.root, device="cpu")
    assert [r.seed for r in again.train("baseline", seeds=[0, 1], workers=1)] == [0, 1]
