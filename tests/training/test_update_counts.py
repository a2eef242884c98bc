"""How often each candidate is trained: counted, and equal under strict fairness (FairNAS)."""

from collections import Counter

import pytest
import torch
from toy import make_examples, specs_on

from asc_nas.core.progress import unheard
from asc_nas.nn.supernet import Supernet, init_weights
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import Hooks, Trainer

SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
    },
    "toy",
)
EQUAL = SpaceConfig(kernels=(("t3", "f3"),), expansions=(1.5, 3))
UNEQUAL = SpaceConfig(kernels=(("t3", "f3"),), expansions=(1.5, 3), skip=True)
EXAMPLES = make_examples(clips=24)


class KilledError(Exception):
    pass


def train(tmp_path, space, *, space_at=None, progress=None, **settings):
    """Train for 5 epochs of 3 steps; return the log and the genotypes of all forward passes."""
    supernet = Supernet(SearchSpace.build(space, SKELETON), specs_on(SKELETON, (16, 24), 3))
    init_weights(supernet, torch.Generator().manual_seed(0))
    seen, forward = [], supernet.forward
    supernet.forward = lambda x, genotype: seen.append(genotype) or forward(x, genotype)
    config = SupernetConfig(epochs=5, batch_size=8, checkpoint_every=2, **settings)
    state = tmp_path / "state"
    trainer = Trainer(config, 1, state, hooks=Hooks(progress=progress or unheard))
    log = train_supernet(supernet, EXAMPLES, trainer, space_at)
    return log, seen


@pytest.mark.parametrize("sampler", ["strict_fair", "uniform"])
def test_the_counts_are_those_of_the_forward_passes(tmp_path, sampler):
    log, seen = train(tmp_path, UNEQUAL, sampler=sampler)
    assert log.updates.steps == 15
    for i, block in enumerate(log.updates.blocks):
        trained = Counter(str(genotype.blocks[i]) for genotype in seen)
        assert {gene: n for gene, n in block.updates.items() if n} == trained
        assert block.min == min(block.updates.values())
        assert block.max == max(block.updates.values())


def test_strict_fairness_trains_all_candidates_of_a_block_equally_often(tmp_path):
    log, _ = train(tmp_path, EQUAL)
    assert [(block.min, block.max) for block in log.updates.blocks] == [(15, 15)] * 2


@pytest.mark.parametrize("passes", [None, 3])
def test_with_unequal_blocks_or_set_passes_counts_differ_by_one_at_most(tmp_path, passes):
    log, _ = train(tmp_path, UNEQUAL, passes=passes)
    for block in log.updates.blocks:
        assert block.max - block.min <= 1


def test_uniform_sampling_trains_them_unequally_at_the_same_number_of_passes(tmp_path):
    _, fair_passes = train(tmp_path / "fair", EQUAL)
    uniform, uniform_passes = train(tmp_path / "uniform", EQUAL, sampler="uniform")
    assert len(fair_passes) == len(uniform_passes)
    assert all(block.max - block.min > 1 for block in uniform.updates.blocks)


def smaller_from_epoch_3(epoch):
    space = SearchSpace.build(UNEQUAL, SKELETON)
    return space.restrict(lambda _, gene: epoch < 3 or gene.expansion < 3)


@pytest.mark.parametrize("passes", [None, 3, 5])
def test_every_phase_of_a_changing_space_is_fair_in_itself(tmp_path, passes):
    log, _ = train(tmp_path, UNEQUAL, space_at=smaller_from_epoch_3, passes=passes)
    for phase in log.updates.phases:
        assert all(block.max - block.min <= 1 for block in phase.blocks)


def kill_after_even_epochs(done, total, text):
    if done % 2 == 0:
        raise KilledError


def test_a_resumed_training_counts_what_was_trained_before(tmp_path):
    """Through a change of the space, and when only the last epoch's state was left."""
    changing = {"space_at": smaller_from_epoch_3}
    whole, _ = train(tmp_path / "whole", UNEQUAL, **changing)
    assert [phase.epoch for phase in whole.updates.phases] == [0, 3]
    for _ in range(2):  # each attempt gets to its next saved state, 2 epochs on
        with pytest.raises(KilledError):
            train(tmp_path / "killed", UNEQUAL, progress=kill_after_even_epochs, **changing)
    for _ in range(2):  # the second finds the training done
        resumed, _ = train(tmp_path / "killed", UNEQUAL, **changing)
        assert resumed == whole


def test_a_training_draws_the_same_until_its_space_changes_and_then_anew(tmp_path):
    small = smaller_from_epoch_3(3)
    _, changed = train(tmp_path / "changed", UNEQUAL, space_at=smaller_from_epoch_3)
    _, unchanged = train(tmp_path / "unchanged", UNEQUAL)
    _, small_only = train(tmp_path / "small", UNEQUAL, space_at=lambda epoch: small)
    before = 3 * 3 * max(SearchSpace.build(UNEQUAL, SKELETON).sizes)
    assert changed[:before] == unchanged[:before]
    after = changed[before:]
    assert all(genotype in small for genotype in after)
    assert after != small_only[: len(after)]
