"""Genotypes judged together get the scores that each gets alone, and shared beginnings run once."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, log_loss
from torch import nn
from toy import HEARD, make_examples, specs_on

from asc_nas.cost.counts import count
from asc_nas.nn.subnet import InvertedResidual
from asc_nas.nn.supernet import Supernet, init_weights
from asc_nas.search.evaluator import JudgedPart, SupernetEvaluator
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton

SIZE = (16, 24)
SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [
            {"channels": 8, "strides": [[1, 1], [1, 1]]},
            {"channels": 12, "strides": [[2, 2]]},
        ],
    },
    "toy",
)
SPACE = SearchSpace.build(
    SpaceConfig(
        kernels=(("t3", "t5", "f3"),),
        max_paths=2,
        expansions=(1.0, 1.5),
        widths=(0.5, 1.0),
        skip=True,
    ),
    SKELETON,
)


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, SIZE, 3), HEARD)


def new_part(seed):
    """A supernet of random weights with clips of its own; parts differ in the number of clips."""
    generator = torch.Generator().manual_seed(seed)
    supernet = Supernet(SPACE, specs_on(SKELETON, SIZE, 3))
    init_weights(supernet, generator)
    for name, buffer in supernet.named_buffers():
        if "running" in name:  # far from what the clips have: recalibration matters
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    calibration = make_examples(80, seed=3 * seed + 1)
    held_out = make_examples(70 - 20 * seed, channels=2, seed=3 * seed + 2)
    supernet.input_norm.set_statistics(*calibration.mel_statistics())
    return JudgedPart(supernet.eval(), calibration, held_out)


@pytest.fixture(scope="module")
def parts():
    return [new_part(0)]


def population(seed, size=20):
    """Random genotypes, and some that differ from another in the last blocks only."""
    rng = np.random.default_rng(seed)
    drawn = [SPACE.sample(rng) for _ in range(size)]
    tails = [Genotype((*one.blocks[:1], *other.blocks[1:])) for one, other in pairwise(drawn)]
    return [*drawn, *(genotype for genotype in tails if genotype in SPACE), drawn[0]]


@pytest.mark.parametrize("recalibration", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_scores_equal_those_of_one_genotype_after_another(count, recalibration):
    parts = [new_part(number) for number in range(count)]
    genotypes = population(3)
    plain, together = (
        kind(parts, cost_of, batch_size=32, recalibration=recalibration)
        for kind in (SupernetEvaluator, PrefixEvaluator)
    )
    expected = plain(genotypes)
    assert together(genotypes) == expected
    assert len({evaluation.log_loss for evaluation in expected}) > 10
    assert together([]) == []


def test_scores_of_several_parts_are_over_all_clips_each_judged_by_its_own_supernet():
    parts, (genotype, *_) = [new_part(0), new_part(1)], population(5, 1)
    said, targets = [], []
    for part in parts:
        network = part.supernet.extract(genotype).eval()
        with torch.inference_mode():
            outputs = network(part.held_out.batch(np.arange(len(part.held_out)))[0]).softmax(1)
        for clip in range(part.held_out.num_clips):
            said.append(outputs[part.held_out.clips == clip].mean(0).numpy())
        targets += part.held_out.clip_targets.tolist()
    assert len(said) == sum(part.held_out.num_clips for part in parts)
    (found,) = PrefixEvaluator(parts, cost_of, recalibration=False)([genotype])
    decided = np.argmax(said, 1)
    assert found.log_loss == pytest.approx(log_loss(targets, np.array(said)), abs=1e-4)
    assert found.accuracy == accuracy_score(targets, decided)
    assert found.macro_f1 == pytest.approx(f1_score(targets, decided, average="macro"))
    alone = [PrefixEvaluator([part], cost_of, recalibration=False)([genotype]) for part in parts]
    assert found.log_loss not in {one.log_loss for (one,) in alone}


def test_a_shared_beginning_is_computed_once(parts, monkeypatch):
    """Four genotypes with the same two first blocks: 2 shared layers and 4 of their own."""
    calls = []
    forward = InvertedResidual.forward
    monkeypatch.setattr(
        InvertedResidual, "forward", lambda self, x: calls.append(len(x)) or forward(self, x)
    )
    evaluator = PrefixEvaluator(parts, cost_of, batch_size=80)
    texts = [f"t3e1w1 f3e1.5w1 {last}e1w1" for last in ("t3", "t5", "f3", "t3+t5")]
    evaluator([Genotype.parse(text) for text in texts])
    assert calls == 6 * [80] + 6 * [70] + 6 * [70]


def test_the_supernet_is_left_as_it_was(parts):
    supernet = parts[0].supernet
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    PrefixEvaluator(parts, cost_of)(population(4, 3))
    after = supernet.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(m.training for m in supernet.modules() if isinstance(m, nn.Module))
