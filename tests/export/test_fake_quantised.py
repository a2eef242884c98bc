"""The network in integers as it is trained: rounded as the export rounds, with gradients."""

import numpy as np
import onnxruntime
import pytest
import torch
from random_networks import GENOTYPES, VARIANTS, make
from torch.nn import functional as F

from asc_nas.export.integer import fake_quantised, network
from asc_nas.export.integer.arithmetic import Scale
from asc_nas.export.integer.fake_quantised import FakeQuantised
from asc_nas.export.integer.network import feature_integers
from asc_nas.runtime.classifier import INPUT

every_network = [
    pytest.mark.parametrize("genotype", GENOTYPES),
    pytest.mark.parametrize("variant", VARIANTS),
]


def for_every_network(test):
    for mark in every_network:
        test = mark(test)
    return test


def observed(made):
    fake = FakeQuantised(made.module)
    fake.observe(made.clips)
    return fake


def maps_of(integers, clips, monkeypatch):
    """Return all maps of the integer reference, averages included, in the order it makes them."""
    maps = []

    def noted(result):
        maps.append(result)
        return result

    finish, add = network.IntegerLayer.finish, network.IntegerSum.__call__
    average = network.average

    def added(self, shortcut, projected):
        maps.append(shortcut)
        return noted(add(self, shortcut, projected))

    def averaged(totals, counts):
        result = average(totals, counts)
        return noted(result) if totals.shape[2:] == (1, 1) and isinstance(counts, int) else result

    with monkeypatch.context() as patch:
        patch.setattr(network.IntegerLayer, "finish", lambda s, sums: noted(finish(s, sums)))
        patch.setattr(network.IntegerSum, "__call__", added)
        patch.setattr(network, "average", averaged)
        integers.logits(feature_integers(clips))
    return maps


@for_every_network
def test_the_integers_are_those_of_the_export(tmp_path, genotype, variant):
    made = make(tmp_path, genotype, variant)
    (exported,) = made.networks
    own = observed(made).integers()
    for found, wanted in zip(own.layers.values(), exported.layers.values(), strict=True):
        assert (found.weights != wanted.weights).mean() < 0.001  # folded in other order: halves
        assert np.abs(found.bias - wanted.bias).max() <= 2
        assert found.target.scale == pytest.approx(wanted.target.scale, rel=1e-5)
        assert found.target.zero == wanted.target.zero
    assert (own.input.multipliers == exported.input.multipliers).all()


@for_every_network
def test_every_map_is_that_of_the_integers(tmp_path, genotype, variant, monkeypatch):
    """From the same map before it: equal, or a step off where the device rounds twice."""
    made = make(tmp_path, genotype, variant)
    fake = observed(made)
    left = maps_of(fake.integers(), made.clips, monkeypatch)
    rounded, off = fake_quantised._map, []

    def compared(values, scale):
        wanted = left.pop(0)
        found = rounded(values, scale).detach().double().numpy() / scale.scale + scale.zero
        off.append(np.abs(np.rint(found) - wanted.reshape(found.shape)).ravel())
        assert off[-1].max() <= 1
        return torch.from_numpy(scale.values(wanted)).float().reshape(values.shape)

    monkeypatch.setattr(fake_quantised, "_map", compared)
    fake(torch.from_numpy(made.clips[:, None]))
    assert not left
    assert np.concatenate(off).mean() < 0.01


def test_logits_are_nearer_to_the_integers_than_those_of_the_float_network(tmp_path):
    off = []
    for genotype in GENOTYPES:
        for place, variant in enumerate(VARIANTS):
            made = make(tmp_path / f"{place}", genotype, variant)
            (integers,) = made.networks
            scale = integers.last.target
            wanted = scale.values(integers.logits(feature_integers(made.clips)))
            found = observed(made)(torch.from_numpy(made.clips[:, None])).detach().numpy()
            session = onnxruntime.InferenceSession(made.file.read_bytes())
            exact = session.run(None, {INPUT: made.clips[:, None]})[0]
            off.append([np.abs(each - wanted).mean() / scale.scale for each in (found, exact)])
    found, exact = np.mean(off, axis=0)
    assert found < 2  # steps; a half of them would be the rounding of the logits alone
    assert found < 0.75 * exact


def test_weights_stand_for_the_integers_and_keep_their_gradient(tmp_path):
    made = make(tmp_path, GENOTYPES[1], VARIANTS[1])
    layers = fake_quantised._folded_layers(made.module)
    for name, layer in observed(made).integers().layers.items():
        weights, bias = fake_quantised._rounded(layers[name], layer)
        scales = layer.weight_scales.reshape(-1, 1, 1, 1)
        assert np.allclose(weights.detach().numpy() / scales, layer.weights, atol=1e-4)
        steps = layer.weight_scales * layer.source.scale
        assert np.allclose(bias.detach(), layer.bias * steps, rtol=1e-5, atol=1e-6)
        (through,) = torch.autograd.grad(weights.sum(), layers[name][0], retain_graph=True)
        assert (through == 1).all()


def test_values_of_a_map_beyond_its_range_have_no_gradient():
    scale = Scale.of_range(-1.0, 2.0)
    values = torch.tensor([-1.5, -0.4, 0.0, 0.7003, 1.93, 2.5], requires_grad=True)
    rounded = fake_quantised._map(values, scale)
    integers = scale.integers(values.detach().numpy())
    assert np.allclose(rounded.detach(), scale.values(integers), atol=1e-6)
    rounded.sum().backward()
    assert values.grad.tolist() == [0, 1, 1, 1, 1, 0]


def test_halves_are_rounded_away_from_the_integer_zero():
    scale = Scale(0.25, -7)
    integers = torch.tensor([-20.5, -3.5, -2.5, 2.5, 3.5])
    rounded = fake_quantised._map((integers + 7) * 0.25, scale)
    assert (rounded / 0.25 - 7).tolist() == [-21, -4, -3, 3, 4]


def test_every_parameter_has_a_gradient_and_statistics_stay(tmp_path):
    made = make(tmp_path, GENOTYPES[2], VARIANTS[1])
    module = made.module.train()
    module.zero_grad()
    before = {name: value.clone() for name, value in module.named_buffers()}
    logits = observed(made)(torch.from_numpy(made.clips[:, None]))
    F.cross_entropy(logits, torch.arange(len(logits)) % logits.shape[1]).backward()
    module.eval()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    for name, value in module.named_buffers():
        assert torch.equal(value, before[name]), name
