from dataclasses import replace

import pytest
import task5_cnn
import torch
import toy
from peer_networks import PEERS, Normalised, macs
from peers import fit_peer

from asc_nas.cost.counts import count
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import new_network, train_network
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer


def test_the_task5_cnn_has_the_layers_of_the_baseline():
    # github.com/DCASE-REPO/dcase2018_baseline, task5/task5.yaml: unpadded convolutions over all
    # 40 mels, pooling by five between them, 64 dense units, nine classes.
    network = task5_cnn.Task5Cnn()
    size = (task5_cnn.MELS, task5_cnn.FRAMES)
    shapes = [tuple(weight.shape) for weight in network.parameters() if weight.dim() > 1]
    assert shapes == [(32, 1, 40, 5), (64, 32, 1, 3), (64, 64), (9, 64)]
    biases_and_norms = 3 * 32 + 3 * 64 + 64 + 9
    parameters = 40 * 5 * 32 + 32 * 3 * 64 + 64 * 64 + 64 * 9 + biases_and_norms
    assert sum(weight.numel() for weight in network.parameters()) == parameters == 17_577
    convolved = 497 * 40 * 5 * 32 + 97 * 32 * 3 * 64
    assert macs(network, size) == convolved + 64 * 64 + 64 * 9


def test_the_task5_cnn_answers_alike_wherever_in_time_a_sound_is():
    # Five frames are one step of its pooling.
    network = task5_cnn.Task5Cnn().eval()
    x = torch.zeros(3, 1, 40, 501)
    x[0, :, :, 100:130] = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    x[1] = x[0].roll(200, 2)
    with torch.inference_mode():
        early, late, silence = network(x)
    assert torch.allclose(early, late, atol=1e-6)
    assert not torch.allclose(early, silence)


@pytest.mark.parametrize(
    ("peer", "million"),
    [
        ("cp_mobile", 26.73),
        ("task5_cnn", 2.82),
        ("mobilenetv2", 29.97),
        ("mobilenetv2_unidirectional", 28.36),
    ],
)
def test_the_peers_cost_what_is_said_of_them(peer, million):
    network = PEERS[peer]((64, 251), 10, 0)
    assert round(macs(network, (64, 251)) / 1e6, 2) == million


def test_macs_are_counted_as_those_of_our_networks():
    genotype = Genotype.parse("t5e2w1 f3+t3e1w1 f5e1.5w1 s3e2w1 t7e1w1 f3e3w1")
    spec = resolve(genotype, skeleton_from("cp_mobile"), (64, 251), 10)
    assert macs(new_network(spec, 0), (64, 251)) == count(spec, toy.HEARD).macs


def task5_peer(seed=0):
    return PEERS["task5_cnn"]((16, 24), 3, seed)


def weights_after(network, examples, trainer):
    fit_peer(network, examples, trainer)
    return network.state_dict()


class Killed(Exception):  # noqa: N818
    pass


def test_a_training_with_dropout_goes_on_as_if_it_had_not_stopped(tmp_path):
    examples = toy.make_examples()
    config = TrainConfig(epochs=3, batch_size=8, checkpoint_every=1)
    whole = weights_after(task5_peer(), examples, Trainer(config, 0, tmp_path / "whole"))
    trainer = Trainer(config, 0, tmp_path / "stopped")

    def stop(done, of, text):
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        fit_peer(task5_peer(), examples, replace(trainer, hooks=Hooks(progress=stop)))
    network, before = task5_peer(), torch.random.get_rng_state()
    rest = weights_after(network, examples, trainer)
    assert all(torch.equal(whole[name], rest[name]) for name in whole)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_peer_is_trained_as_our_networks_are(tmp_path):
    examples = toy.make_examples()
    config = TrainConfig(epochs=2, batch_size=8)
    genotype = Genotype.parse("t3e1w1 f3e1w1 t3e1w1 f3e1w1 t3e1w1")
    spec = resolve(genotype, skeleton_from("cp_mobile_tiny"), (16, 24), 3)
    ours, _ = train_network(spec, examples, Trainer(config, 1, tmp_path / "ours"))
    peer = weights_after(new_network(spec, 1), examples, Trainer(config, 1, tmp_path / "peer"))
    assert all(torch.equal(value, peer[name]) for name, value in ours.state_dict().items())


def test_a_plain_network_sees_every_mel_normalised():
    network = Normalised(4, torch.nn.Identity())
    network.input_norm.set_statistics(torch.full((4,), -50.0), torch.full((4,), 10.0))
    assert torch.equal(network(torch.full((1, 1, 4, 2), -40.0)), torch.ones(1, 1, 4, 2))
