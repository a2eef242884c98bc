"""Weights of one network in another: what they have in common, and nothing else."""

import pytest
import torch

from asc_nas.nn.subnet import SubNet
from asc_nas.nn.transfer import body_parameters, take_weights
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import Skeleton

SIZE = (32, 20)


def network(genotype, classes=4, stem=8, stage=16, head=None, seed=0):
    skeleton = Skeleton.parse(
        {
            "stem": [{"channels": stem}],
            "stages": [{"channels": stage, "strides": [[1, 1], [1, 1]]}],
            "head_channels": head,
        },
        "here",
    )
    torch.manual_seed(seed)
    made = SubNet(resolve(Genotype.parse(genotype), skeleton, SIZE, classes))
    for value in made.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value))
    return made


def test_a_network_of_the_same_kind_becomes_the_same():
    given, own = network("f3+t3e2w1 t5e1w1"), network("f3+t3e2w1 t5e1w1", seed=1)
    own.input_norm.load_state_dict(given.input_norm.state_dict())
    assert take_weights(own, given.state_dict(), classes=True) == 1
    x = torch.randn(3, 1, *SIZE)
    assert torch.equal(own.eval()(x), given.eval()(x))


@pytest.mark.parametrize("head", [None, 24])
def test_the_layer_to_the_classes_and_the_statistics_of_the_input_stay(head):
    given = network("f3e2w1 t5e1w1", head=head)
    own = network("f3e2w1 t5e1w1", classes=7, head=head, seed=1)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    assert take_weights(own, given.state_dict(), classes=False) == 1
    last = "head." if head is None else "classifier."
    for name, value in own.state_dict().items():
        kept = name.startswith((last, "input_norm.")) or name.endswith("num_batches_tracked")
        expected = before[name] if kept else given.state_dict()[name]
        assert torch.equal(value, expected), name


def test_of_layers_of_another_width_the_leading_channels_are_taken():
    given, own = network("f3e2w1 t5e2w1"), network("f3e2w1 t5e2w1", stage=24, seed=1)
    fresh = own.blocks["1"].project.conv.weight.clone()
    share = take_weights(own, given.state_dict(), classes=True)
    assert 0.3 < share < 1
    theirs, found = given.blocks["1"].project.conv.weight, own.blocks["1"].project.conv.weight
    rows, columns = theirs.shape[:2]
    assert found.shape[0] > rows
    assert found.shape[1] > columns
    assert torch.equal(found[:rows, :columns], theirs)
    assert torch.equal(found[rows:], fresh[rows:])
    assert torch.equal(found[:rows, columns:], fresh[:rows, columns:])


def test_a_kernel_takes_the_one_of_its_size_whatever_its_place():
    given, own = network("f3+t5e1w1 t5e1w1"), network("t5e1w1 f3e1w1", seed=1)
    lonely = own.blocks["1"].depthwise[0].weight.clone()
    take_weights(own, given.state_dict(), classes=True)
    two = {tuple(conv.weight.shape[2:]): conv.weight for conv in given.blocks["0"].depthwise}
    assert torch.equal(own.blocks["0"].depthwise[0].weight, two[1, 5])
    assert torch.equal(own.blocks["1"].depthwise[0].weight, lonely)


def test_the_body_is_all_but_the_layer_to_the_classes():
    for head, last in ((None, "head."), (24, "classifier.")):
        made = network("f3e2w1 t5e1w1", head=head)
        body = {id(value) for value in body_parameters(made)}
        outside = {name for name, value in made.named_parameters() if id(value) not in body}
        assert outside
        assert all(name.startswith(last) for name in outside)
