"""Measures of untrained networks, held against counts by hand and plain autograd."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from asc_nas.search.training_free import MEASURES, grad_norm, naswot, synflow, zico
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import new_network

SKELETON = skeleton_from("cp_mobile")


def network(text="t3e2w1", blocks=6):
    spec = resolve(Genotype.parse(" ".join([text] * blocks)), SKELETON, (16, 12), 4)
    return new_network(spec, 0)


def batches(count=3, n=6):
    torch.manual_seed(0)
    return [(torch.randn(n, 1, 16, 12), torch.arange(n) % 4) for _ in range(count)]


class TwoLayers(nn.Module):
    """Plain, with one ReLU between: what its codes are can be seen."""

    def __init__(self):
        super().__init__()
        self.input_norm = nn.Identity()
        self.first, self.second = nn.Linear(12, 40), nn.Linear(40, 4)

    def forward(self, x):
        return self.second(F.relu(self.first(x.mean((1, 2)))))


def test_naswot_counts_the_relus_that_two_examples_have_in_common():
    torch.manual_seed(1)
    own, data = TwoLayers(), batches()
    x = data[0][0].mean((1, 2)).numpy()
    open_ = x @ own.first.weight.detach().numpy().T + own.first.bias.detach().numpy() > 0
    kernel = [[np.sum(a == b) for b in open_] for a in open_]
    expected = np.linalg.slogdet(kernel)[1]
    assert np.isfinite(expected)
    assert naswot(own, data) == pytest.approx(expected, rel=1e-4)


def test_naswot_of_examples_that_cannot_be_told_apart_is_minus_infinity():
    x, targets = batches()[0]
    assert naswot(TwoLayers(), [(x[:1].repeat(4, 1, 1, 1), targets[:4])]) == -np.inf


def test_synflow_is_how_the_output_grows_with_all_weights():
    own, step = network(), 1e-6
    positive = copy.deepcopy(own).double().eval()
    positive.input_norm = nn.Identity()
    outputs = []
    for factor in (1 - step, 1 + step):
        scaled = copy.deepcopy(positive)
        with torch.no_grad():
            for weight in scaled.parameters():
                if weight.dim() > 1:
                    weight.abs_().mul_(factor)
            outputs.append(float(scaled(torch.ones(1, 1, 16, 12, dtype=torch.float64)).sum()))
    slope = (outputs[1] - outputs[0]) / (2 * step)
    assert synflow(own, batches()) == pytest.approx(np.log(slope), rel=1e-6)


def gradients(own, batch):
    own = copy.deepcopy(own).train()
    F.cross_entropy(own(batch[0]), batch[1]).backward()
    return [p.grad.numpy().astype(np.float64) for p in own.parameters() if p.dim() > 1]


def test_grad_norm_is_that_of_the_gradient_of_all_layers():
    own, data = network(), batches()
    flat = np.concatenate([g.ravel() for g in gradients(own, data[0])])
    assert grad_norm(own, data) == pytest.approx(np.log(np.linalg.norm(flat)), rel=1e-5)


def test_zico_sums_mean_over_deviation_by_layer():
    own, data = network(), batches()
    total = 0.0
    for layer in zip(*[gradients(own, batch) for batch in data], strict=True):
        total += np.log((np.abs(layer).mean(0) / np.std(layer, 0)).sum())
    assert zico(own, data) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_leaves_the_network_as_it_is(name):
    own = network()
    before = copy.deepcopy(own.state_dict())
    found = MEASURES[name](own, batches())
    assert np.isfinite(found)
    assert found == MEASURES[name](own, batches())
    assert all(torch.equal(value, before[key]) for key, value in own.state_dict().items())
