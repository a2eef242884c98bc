"""Training: resumption, recalibration, learning, checkpoints."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import make_examples, specs_on

from asc_nas.core.errors import AscNasError
from asc_nas.data.augment import AugmentConfig
from asc_nas.data.examples import Examples
from asc_nas.nn.supernet import Supernet, init_weights
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import new_network, score_network, train_network
from asc_nas.training.recalibration import recalibrate
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import (
    Hooks,
    Step,
    TrainConfig,
    Trainer,
    make_optimizer,
    set_learning_rate,
    steps_per_epoch,
)

SKELETON = Skeleton.parse(
    {
        # The second convolution has several inputs: its weights differ in channels-last layout.
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
    },
    "toy",
)
SPACE = SearchSpace.build(SpaceConfig(kernels=(("t3", "f3"),), expansions=(1.5,)), SKELETON)
SIZE = (16, 24)
NET = resolve(Genotype.parse("t3e2w1 f3e2w1"), SKELETON, SIZE, 3)
CONFIG = TrainConfig(epochs=6, batch_size=8, learning_rate=1e-2, checkpoint_every=2)


class KilledError(Exception):
    pass


def kill_after(epochs):
    def progress(done, total, text):
        if done == epochs:
            raise KilledError

    return progress


def new_supernet(examples):
    supernet = Supernet(SPACE, specs_on(SKELETON, SIZE, 3))
    init_weights(supernet, torch.Generator().manual_seed(0))
    supernet.input_norm.set_statistics(*examples.mel_statistics())
    return supernet


def test_interrupted_supernet_training_ends_with_the_same_weights(tmp_path):
    examples = make_examples()
    config = SupernetConfig(epochs=5, batch_size=8, checkpoint_every=2)
    whole, resumed = new_supernet(examples), new_supernet(examples)
    log = train_supernet(whole, examples, Trainer(config, 1, tmp_path / "a"))
    killed = Trainer(config, 1, tmp_path / "b", hooks=Hooks(progress=kill_after(3)))
    with pytest.raises(KilledError):
        train_supernet(resumed, examples, killed)
    again = new_supernet(examples)
    assert train_supernet(again, examples, Trainer(config, 1, tmp_path / "b")) == log
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_step_accumulates_the_gradients_of_all_passes(tmp_path):
    """One epoch of one step equals the mean loss of the step's networks, differentiated at once."""
    examples = make_examples(clips=8)
    config = SupernetConfig(
        epochs=1,
        batch_size=8,
        weight_decay=0,
        warmup_epochs=0,
        augment=AugmentConfig(mixup_alpha=0, frequency_mask=0, time_mask=0, time_roll=0),
    )
    seen = []
    supernet = new_supernet(examples)
    forward = supernet.forward
    supernet.forward = lambda x, genotype: seen.append(genotype) or forward(x, genotype)
    train_supernet(supernet, examples, Trainer(config, 1, tmp_path / "a"))
    assert len(seen) == len(set(g.blocks[0] for g in seen)) == 2

    reference = new_supernet(examples).train()
    optimizer = make_optimizer(reference, config)
    set_learning_rate(optimizer, config, 0.0)
    order = next(examples.batches(8, np.random.default_rng(0)))
    x, targets = examples.batch(order)
    losses = [
        torch.nn.functional.cross_entropy(reference(x, g), targets, label_smoothing=0.1)
        for g in seen
    ]
    (sum(losses) / 2).backward()
    optimizer.step()
    # AdamW's first step is the sign of the gradient, where that is not near zero.
    pairs = zip(supernet.parameters(), reference.parameters(), strict=True)
    agree = torch.cat([((a - b).abs() < 1e-4).flatten() for a, b in pairs])
    assert agree.float().mean() > 0.98


def test_a_network_learns_and_its_clip_decision_averages_channels(tmp_path):
    train, test = make_examples(clips=36), make_examples(clips=12, channels=3, seed=1)
    config = CONFIG.model_copy(update={"epochs": 20, "batch_size": 4})
    network, log = train_network(NET, train, Trainer(config, 0, tmp_path / "s"))
    assert log[-1].loss < log[0].loss
    scores = score_network(network, test)
    assert sum(map(sum, scores.confusion)) == 12
    assert scores.macro_f1 > 0.9


@pytest.mark.parametrize(("balanced", "least"), [(False, 2), (True, 6)])
def test_a_network_hears_a_small_class_as_often_as_others_if_it_shall(
    balanced, least, tmp_path, monkeypatch
):
    whole = make_examples(clips=30)
    few = np.r_[np.flatnonzero(whole.targets > 0), np.flatnonzero(whole.targets == 0)[:2]]
    examples = replace(whole, rows=whole.rows[few], targets=whole.targets[few], clips=few)
    heard = []
    batches = Examples.batches

    def listen(self, size, rng=None, **options):
        for positions in batches(self, size, rng, **options):
            if rng is not None:  # shuffled, to be trained with
                heard.extend(self.targets[positions])
            yield positions

    monkeypatch.setattr(Examples, "batches", listen)
    config = CONFIG.model_copy(update={"epochs": 1, "balanced": balanced})
    train_network(NET, examples, Trainer(config, 0, tmp_path / "s"))
    counts = np.bincount(heard)
    assert counts.sum() == 22
    assert least <= counts.min() <= 7
    assert (counts.max() - counts.min() <= 2) == balanced


def test_clip_posterior_is_the_mean_over_channels():
    examples = make_examples(clips=2, channels=2)
    posteriors = np.array([[0.9, 0.1, 0.0], [0.1, 0.7, 0.2], [0, 0, 1], [0.5, 0.5, 0]])
    expected = [[0.5, 0.4, 0.1], [0.25, 0.25, 0.5]]
    assert np.allclose(examples.clip_posteriors(posteriors), expected)


def test_recalibration_gives_the_statistics_of_the_batches():
    network = new_network(NET, 0)
    x = torch.randn(10, 1, *SIZE) * 3 - 7
    with torch.no_grad():
        network.train()(x + 20)  # statistics of other batches, which must leave no trace
        for tensor in (network.stem[0].norm.running_mean, network.stem[0].norm.running_var):
            tensor.fill_(99)
        recalibrate(network, [x[:5], x[5:]])
        seen = network.stem[0].conv(network.input_norm(x))
    assert not network.training
    assert torch.allclose(network.stem[0].norm.running_mean, seen.mean((0, 2, 3)), atol=1e-5)
    assert network.stem[0].norm.momentum == 0.1


def test_learning_rate_warms_up_and_decays_to_zero():
    optimizer = make_optimizer(new_network(NET, 0), CONFIG)
    rates = []
    for epoch in np.linspace(0, CONFIG.epochs, 50):
        set_learning_rate(optimizer, CONFIG, epoch)
        rates.append(optimizer.param_groups[0]["lr"])
    top = int(np.argmax(rates))
    assert max(rates) == pytest.approx(CONFIG.learning_rate, rel=0.05)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("epoch", [0.5, 4.0])
def test_some_parameters_may_learn_more_slowly(epoch):
    network = new_network(NET, 0)
    slower = [p for name, p in network.named_parameters() if not name.startswith("head.")]
    optimizer = make_optimizer(network, CONFIG, slower, 0.25)
    set_learning_rate(optimizer, CONFIG, epoch)
    alike = make_optimizer(network, CONFIG)
    set_learning_rate(alike, CONFIG, epoch)
    expected = alike.param_groups[0]["lr"]
    rates = {id(p): g["lr"] / expected for g in optimizer.param_groups for p in g["params"]}
    assert len(rates) == len(list(network.parameters()))
    slow = set(map(id, slower))
    assert {key in slow: rate for key, rate in rates.items()} == {True: 0.25, False: 1.0}
    decays = {p.dim() > 1: g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert decays == {True: CONFIG.weight_decay, False: 0.0}


def test_a_state_whose_parameters_stood_in_another_order_is_refused(tmp_path):
    network, other = new_network(NET, 0), new_network(NET, 0)
    optimizer = make_optimizer(network, CONFIG)
    network(make_examples().batch(np.arange(4))[0]).sum().backward()
    optimizer.step()
    checkpoint.save(tmp_path / "s", network, {}, optimizer)
    checkpoint.load(tmp_path / "s", other, make_optimizer(other, CONFIG))
    slower = list(other.parameters())[:3]
    with pytest.raises(AscNasError, match="the state of another training; delete it"):
        checkpoint.load(tmp_path / "s", other, make_optimizer(other, CONFIG, slower, 0.5))


def test_norms_and_biases_are_not_decayed():
    groups = make_optimizer(new_network(NET, 0), CONFIG).param_groups
    assert {p.dim() for p in groups[1]["params"]} == {1}
    assert groups[1]["weight_decay"] == 0 < groups[0]["weight_decay"]


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x04K\x01."])
def test_foreign_weights_are_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(AscNasError, match=r"model\.safetensors"):
        checkpoint.load(path, new_network(NET, 0))


def test_weights_of_another_network_are_refused(tmp_path):
    other = resolve(Genotype.parse("t3e3w1 f3e2w1"), SKELETON, SIZE, 3)
    checkpoint.save(tmp_path / "w", new_network(other, 0), {})
    with pytest.raises(AscNasError, match="another network"):
        checkpoint.load(tmp_path / "w", new_network(NET, 0))


def test_every_flipped_bit_of_a_weight_or_of_what_stands_with_it_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    network = new_network(NET, 0)
    checkpoint.save(path, network, {"log": [{"epoch": 1, "loss": 0.5}]}, None, network)
    content = path.read_bytes()
    places = np.random.default_rng(0).integers(8 * len(content), size=200)
    for place in (8 * (len(content) - 1), *places):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(AscNasError, match=r"model\.safetensors"):
            checkpoint.load(path, new_network(NET, 0))


def test_weights_from_before_there_were_checksums_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_digest", lambda *_: None)
    checkpoint.save(tmp_path / "w", new_network(NET, 0), {"log": []})
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "w", new_network(NET, 1)) == {"log": []}


@pytest.mark.slow
def test_the_same_weights_give_the_same_bytes(tmp_path):
    """The file's hash names the supernet, so it must not depend on the process."""
    script = (
        "import sys, torch; from pathlib import Path; from asc_nas.training import checkpoint;"
        "net = torch.nn.Linear(2, 3); [p.data.fill_(1) for p in net.parameters()];"
        "checkpoint.save(Path(sys.argv[1]), net, {'log': [1], 'b': 2})"
    )
    files = [tmp_path / f"{i}.safetensors" for i in range(4)]
    for file in files:
        subprocess.run([sys.executable, "-c", script, str(file)], check=True)
    assert len({file.read_bytes() for file in files}) == 1


def steps_that_break_in(module, examples, step):
    def steps(number):
        passes = [lambda x: module(x) * (float("nan") if number >= step else 1.0)]
        return Step(passes, examples)

    return steps


def test_the_first_loss_that_is_not_finite_stops_and_the_last_good_state_is_kept(tmp_path):
    examples = make_examples()
    config = TrainConfig(epochs=4, batch_size=8, warmup_epochs=0, checkpoint_every=1)
    module, state = new_network(NET, 0), tmp_path / "state.safetensors"
    trainer = Trainer(config, 0, state)
    broken = steps_that_break_in(module, examples, 2 * steps_per_epoch(examples, config) + 1)
    told = r"the loss was nan in step 2 of epoch 3 of 4.*state\.safetensors is kept.*retrain\.learn"
    with pytest.raises(AscNasError, match=told):
        trainer.fit(module, examples, broken)
    again = new_network(NET, 0)
    assert len(checkpoint.load(state, again)["log"]) == 2
    log = trainer.fit(again, examples)  # and one can go on from it
    assert [entry.epoch for entry in log] == [1, 2, 3, 4]


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    examples, state = make_examples(), tmp_path / "state.safetensors"
    module = new_network(NET, 0)

    def break_weights(epoch, values):
        if epoch == 2:
            next(module.parameters()).data.fill_(float("inf"))

    hooks = Hooks(on_epoch=break_weights)
    config = TrainConfig(epochs=3, batch_size=8, warmup_epochs=0, checkpoint_every=1)
    with pytest.raises(AscNasError, match="weights were not finite at the end of epoch 2 of 3"):
        Trainer(config, 0, state, hooks=hooks).fit(module, examples)
    assert len(checkpoint.load(state, new_network(NET, 0))["log"]) == 1


def test_weights_in_place_of_a_state_are_told_with_the_file(tmp_path):
    state = tmp_path / "state.safetensors"
    checkpoint.save(state, new_network(NET, 0), {})
    config = TrainConfig(epochs=1, batch_size=8)
    with pytest.raises(AscNasError, match=r"state\.safetensors.*delete it, and the training beg"):
        Trainer(config, 0, state).fit(new_network(NET, 0), make_examples())
