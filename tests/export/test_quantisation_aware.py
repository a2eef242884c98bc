"""The end of a training in integers: which steps, what a stop changes, and that it pays."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from toy import make_examples

from asc_nas.core.errors import AscNasError
from asc_nas.core.progress import unheard
from asc_nas.export.integer.fake_quantised import FakeQuantised
from asc_nas.export.quantisation_aware import quantisation_aware
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import Skeleton
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer, steps_per_epoch

SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
    },
    "toy",
)
NET = resolve(Genotype.parse("f3+t3e2w1 t3+t5e1w1"), SKELETON, (16, 24), 3)
CONFIG = TrainConfig(epochs=6, batch_size=8, learning_rate=1e-2, checkpoint_every=1)
EXAMPLES = make_examples()


def trained(file, share, progress=unheard, config=CONFIG):
    network = new_network(NET, 0)
    steps = quantisation_aware(network, EXAMPLES, config, share)
    trainer = Trainer(config, 0, file, hooks=Hooks(progress=progress))
    log = fit_network(network, EXAMPLES, trainer, steps)
    return network, log


def differing(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return [name for (name, value), wanted in pairs if not torch.equal(value, wanted)]


@pytest.mark.parametrize("share", [0.0, 0.34, 0.5])
def test_the_share_of_epochs_is_in_integers_each_with_ranges_of_its_own(share, monkeypatch):
    monkeypatch.setattr(FakeQuantised, "observe", lambda self, clips: found.append(len(clips)))
    found, network = [], new_network(NET, 0)
    steps = quantisation_aware(network, EXAMPLES, CONFIG, share)
    each = steps_per_epoch(EXAMPLES, CONFIG)
    kinds = [isinstance(steps(n).passes[0], FakeQuantised) for n in range(each * CONFIG.epochs)]
    last = round(share * CONFIG.epochs)
    assert kinds == [False] * each * (CONFIG.epochs - last) + [True] * each * last
    assert found == [len(EXAMPLES)] * last


def test_without_a_share_nothing_changes(tmp_path):
    plain = new_network(NET, 0)
    log = fit_network(plain, EXAMPLES, Trainer(CONFIG, 0, tmp_path / "plain"))
    network, own = trained(tmp_path / "own", 0.0)
    assert not differing(plain, network)
    assert own == log


@pytest.mark.parametrize("average", [{}, {"ema_decay": 0.9}, {"swa_share": 0.5}])
@pytest.mark.parametrize("stop", [2, 3, 5])
def test_a_stopped_training_ends_with_the_same_weights(tmp_path, stop, average):
    """Before the integers, between, and among them."""
    config = CONFIG.model_copy(update=average)
    own = partial(trained, share=0.5, config=config)

    def kill(done, total, text):
        if done == stop:
            raise KeyboardInterrupt

    whole, log = own(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        own(tmp_path / "killed", progress=kill)
    resumed, again = own(tmp_path / "killed")
    assert not differing(whole, resumed)
    assert again == log


def test_it_pays_where_one_channel_leaves_the_others_few_integers(tmp_path):
    """One channel 100 times as large, the weights behind it as much smaller: float does not care.

    The case of Nagel et al., ICCV 2019, arXiv 1906.04721.
    """
    config = CONFIG.model_copy(update={"epochs": 12, "label_smoothing": 0.0})
    network, _ = trained(tmp_path / "before", 0.0, config=config)
    with torch.no_grad():
        for block in network.blocks.values():
            block.depthwise_norm.weight[0] *= 100
            block.depthwise_norm.bias[0] *= 100
            block.project.conv.weight[:, 0] /= 100
    cost = {}
    for share in (0.0, 0.99):
        own = copy.deepcopy(network)
        steps = quantisation_aware(own, EXAMPLES, config, share)
        fit_network(own, EXAMPLES, Trainer(config, 1, tmp_path / f"{share}"), steps)
        exact, integers = losses(own)
        cost[share] = integers - exact
    assert cost[0.0] > 0.05
    assert cost[0.99] < 0.02


@torch.inference_mode()
def losses(network):
    """Return the loss of a float network and of its integers."""
    x, targets = EXAMPLES.batch(np.arange(len(EXAMPLES)))
    fake = FakeQuantised(network)
    fake.observe(x[:, 0].numpy())
    return [float(F.cross_entropy(each(x), targets)) for each in (network, fake)]


def test_weights_that_are_no_numbers_end_with_a_sentence(tmp_path):
    config = CONFIG.model_copy(update={"checkpoint_every": 6})

    def spoil(epoch, values):
        if epoch == 5:  # of 6, the last three in integers
            with torch.no_grad():
                network.stem[0].conv.weight[0] = float("nan")

    network = new_network(NET, 0)
    steps = quantisation_aware(network, EXAMPLES, CONFIG, 0.5)
    trainer = Trainer(config, 0, tmp_path / "state", hooks=Hooks(on_epoch=spoil))
    with pytest.raises(AscNasError, match="loss"):
        fit_network(network, EXAMPLES, trainer, steps)
