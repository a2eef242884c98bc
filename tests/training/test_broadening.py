"""Broadening: wide channel numbers first, narrower ones come in one by one."""

import itertools

import pytest
import torch
from toy import make_examples, specs_on

from asc_nas.nn.supernet import Supernet, init_weights
from asc_nas.space.genotype import SKIP, BlockGene
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton
from asc_nas.training.broadening import broadened
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import Trainer

SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 16, "strides": [[1, 1], [2, 2], [1, 1]]}],
        "channel_multiple": 4,
    },
    "toy",
)
SPACE = SearchSpace.build(
    SpaceConfig(
        kernels=(("t3", "f3"),), expansions=(1.5, 2, 2.5, 3), widths=(0.5, 0.75, 1), skip=True
    ),
    SKELETON,
)


def values_of(space, attribute, block=0):
    return {getattr(gene, attribute) for gene in space.candidates[block] if not gene.is_skip}


def test_training_starts_with_the_widest_and_ends_with_everything():
    start = broadened(SPACE, 0, 12)
    assert values_of(start, "expansion") == {3}
    assert values_of(start, "width") == {1}
    assert broadened(SPACE, 11, 12) != SPACE
    assert broadened(SPACE, 12, 12) == broadened(SPACE, 40, 12) == SPACE
    assert broadened(SPACE, 0, 0) == SPACE


def test_narrower_values_come_in_one_by_one_and_evenly():
    seen = [broadened(SPACE, epoch, 12) for epoch in range(13)]
    expansions = [len(values_of(space, "expansion")) for space in seen]
    widths = [len(values_of(space, "width")) for space in seen]
    assert expansions == [1] * 4 + [2] * 4 + [3] * 4 + [4]
    assert widths == [1] * 6 + [2] * 6 + [3]
    assert values_of(seen[6], "width") == {1, 0.75}
    assert values_of(seen[4], "expansion") == {3, 2.5}


def test_the_space_only_grows_and_no_block_is_ever_empty():
    spaces = [broadened(SPACE, epoch, 7) for epoch in range(9)]
    for before, after in itertools.pairwise(spaces):
        for smaller, larger in zip(before.candidates, after.candidates, strict=True):
            assert smaller
            assert set(smaller) <= set(larger)
    assert all(SKIP in space.candidates[2] for space in spaces)  # it has no channel numbers


def test_a_block_whose_widest_values_do_not_meet_in_a_candidate_has_one_from_the_start():
    t3 = SPACE.kernels(0)[:1]
    genes = (BlockGene(t3, 3, 0.5), BlockGene(t3, 1.5, 1))
    space = SearchSpace((genes, (SKIP,)))
    assert all(broadened(space, 0, 10).sizes)
    assert broadened(space, 10, 10) == space


@pytest.mark.parametrize("passes", [None, 4])
def test_a_supernet_is_trained_on_the_space_in_force(tmp_path, passes):
    examples = make_examples(clips=16)
    supernet = Supernet(SPACE, specs_on(SKELETON, (16, 24), 3))
    init_weights(supernet, torch.Generator().manual_seed(0))
    config = SupernetConfig(epochs=6, batch_size=8, passes=passes, broadening_epochs=4)
    seen, forward = [], supernet.forward
    supernet.forward = lambda x, genotype: seen.append(genotype) or forward(x, genotype)
    log = train_supernet(supernet, examples, Trainer(config, 1, tmp_path / "a"))
    phases = log.updates.phases
    assert [phase.epoch for phase in phases] == [0, 2, 3, 4]
    for phase in phases:
        here = seen[: phase.steps * phase.passes_per_step]
        seen = seen[len(here) :]
        assert all(genotype in broadened(SPACE, phase.epoch, 4) for genotype in here)
    assert seen == []
    assert phases[-1].steps == 4


def test_channels_of_stages_come_in_from_the_widest():
    space = SearchSpace.build(SpaceConfig(channels=((8, 16, 24),), heads=(0, 32)), SKELETON)
    stages = [[str(g) for g in broadened(space, epoch, 4).candidates[0]] for epoch in range(5)]
    assert stages == [
        ["stage1:24"],
        ["stage1:24"],
        ["stage1:16", "stage1:24"],
        ["stage1:16", "stage1:24"],
        ["stage1:8", "stage1:16", "stage1:24"],
    ]
    assert [str(g) for g in broadened(space, 0, 4).candidates[1]] == ["head:32"]
