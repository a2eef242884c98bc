"""The device: found by name, and nothing of a training or a judgement is left on another."""

import numpy as np
import pytest
import torch
from pretend_gpu import pretend_gpu
from toy import HEARD, make_examples, specs_on

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import count
from asc_nas.data.augment import AugmentConfig
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.search.evaluator import JudgedPart, SupernetEvaluator
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton
from asc_nas.training import checkpoint
from asc_nas.training.device import find_device, memory_format, most_workers, to_device
from asc_nas.training.network_trainer import new_network, train_network
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer, make_optimizer, posteriors

SIZE = (16, 24)
SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
        "head_channels": 16,
    },
    "toy",
)
SPACE = SearchSpace.build(
    SpaceConfig(kernels=(("t5", "f3"),), max_paths=2, expansions=(1.0, 1.5)), SKELETON
)
SPECS = specs_on(SKELETON, SIZE, 3)
EVERYTHING = AugmentConfig(
    **dict(speed=0.2, tempo=0.1, pitch=1, pad=0.1, crop=0.1, shorten=0.5, shuffle_mix=0.5),
    **dict(between_class=True, mixstyle=1, gain_db=3, response_db=9, band_limit=0.3, noise=1),
)


def new_supernet(seed=0):
    supernet = Supernet(SPACE, SPECS)
    init_supernet(supernet, torch.Generator().manual_seed(seed))
    return supernet


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0", "CUDA", ""])
def test_an_unknown_device_is_told_with_those_there_are(name):
    with pytest.raises(UsageError, match=r"no device is called so; give auto, cpu, cuda, cuda:N"):
        find_device(name)


def test_an_absent_device_is_told_and_auto_takes_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == "cpu"
    with pytest.raises(UsageError, match=r"can use no CUDA GPU here .* give --device auto"):
        find_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [find_device(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda", "cuda", "cuda:1"]
    with pytest.raises(UsageError, match=r"'cuda:2': .* can use 2 CUDA GPUs here"):
        find_device("cuda:2")


def test_workers_share_a_gpu_as_far_as_its_memory_goes(monkeypatch):
    assert most_workers("cpu", 64) == 64
    for free, most in ((24, 8), (5, 2), (1, 1)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free << 30, 0))
        assert most_workers("cuda:0", 8) == most
    assert most_workers("mps", 8) == 1


def test_each_device_has_its_layout():
    layouts = {
        ("cpu", "float32"): torch.channels_last,
        ("cpu", "bfloat16"): torch.channels_last,
        ("cuda", "float32"): torch.contiguous_format,
        ("cuda:1", "float16"): torch.channels_last,
    }
    assert {place: memory_format(*place) for place in layouts} == layouts
    network = to_device(new_network(SPECS(SPACE.largest()), 0), "cpu")
    assert network.head.conv.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.filterwarnings("ignore:.*CUDA is not available:UserWarning")
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("free", [0, 2**30])
def test_a_supernet_training_is_all_on_its_gpu(tmp_path, free, precision):
    config = SupernetConfig(epochs=2, batch_size=8, augment=EVERYTHING, distillation=0.5)
    supernet, examples = new_supernet(), make_examples()
    options = dict(device="cuda", precision=precision)
    with pretend_gpu(free):
        train_supernet(supernet, examples, Trainer(config, 1, tmp_path / "state", **options))
    assert {value.device.type for value in supernet.state_dict().values()} == {"cuda"}


@pytest.mark.parametrize("average", [{"ema_decay": 0.9}, {"swa_share": 0.5}])
def test_a_retraining_and_its_test_are_all_on_their_gpu(tmp_path, average, monkeypatch):
    network, examples = new_network(SPECS(SPACE.largest()), 0), make_examples()
    teacher = new_network(SPECS(SPACE.largest()), 1).eval()
    monkeypatch.setattr("asc_nas.training.network_trainer.new_network", lambda *args: network)
    config = TrainConfig(epochs=2, batch_size=8, augment=EVERYTHING, **average)
    with pretend_gpu():
        to_device(teacher, "cuda")
        trainer = Trainer(
            *(config, 1, tmp_path / "state"),
            device="cuda",
            teacher=(lambda x: teacher(x).softmax(1), 0.5),
        )
        train_network(network.spec, examples, trainer)
        assert next(network.parameters()).device.type == "cuda"
        assert posteriors(network, examples).device.type == "cpu"


@pytest.mark.parametrize("kind", [SupernetEvaluator, PrefixEvaluator])
def test_candidates_are_judged_on_the_gpu_wherever_the_supernet_is(kind):
    genotypes = [SPACE.largest(), SPACE.sample(np.random.default_rng(1))]
    part = JudgedPart(new_supernet().eval(), make_examples(), make_examples(12, seed=1))
    cost = lambda genotype: count(SPECS(genotype), HEARD)  # noqa: E731
    with pretend_gpu():
        evaluator = kind([part], cost, device="cuda")
        judged = evaluator(genotypes)
    assert [evaluation.genotype for evaluation in judged] == genotypes


def test_pretending_finds_what_is_left_on_the_cpu(tmp_path):
    examples = make_examples()
    network = new_network(SPECS(SPACE.largest()), 0)
    with pretend_gpu(), pytest.raises(RuntimeError, match="device"):
        to_device(network, "cuda")(torch.zeros(2, 1, *examples.features.shape[1:]))


NOBODY = Hooks()


class KilledError(Exception):
    pass


def stop_after(epochs):
    def progress(done, total, text):
        if done == epochs:
            raise KilledError

    return Hooks(progress=progress)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_as_float32_does_and_goes_on_after_a_stop(tmp_path, precision):
    examples = make_examples()
    config = TrainConfig(epochs=4, batch_size=8, checkpoint_every=1, learning_rate=1e-2)

    def train(name, precision, hooks=NOBODY):
        network = new_network(SPECS(SPACE.largest()), 0)
        trainer = Trainer(config, 1, tmp_path / name, hooks=hooks, precision=precision)
        return network, [entry.loss for entry in trainer.fit(network, examples)]

    whole, losses = train("whole", precision)
    with pytest.raises(KilledError):
        train("resumed", precision, stop_after(2))
    resumed, again = train("resumed", precision)
    assert again == losses
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    states = [checkpoint.read(tmp_path / name)[0] for name in ("whole", "resumed")]
    assert states[0] == states[1]  # what scales the gradients goes on, too
    _, expected = train("float32", "float32")
    assert losses != expected
    assert losses == pytest.approx(expected, rel=0.05)


def test_a_saved_state_goes_on_a_gpu(tmp_path):
    """Weights, moments and the optimiser's count of steps go where the module is."""
    examples, config = make_examples(), TrainConfig(epochs=1, batch_size=8)
    network = new_network(SPECS(SPACE.largest()), 0)
    Trainer(config, 1, tmp_path / "state").fit(network, examples)
    again = new_network(SPECS(SPACE.largest()), 1)
    with pretend_gpu():
        to_device(again, "cuda")
        optimizer = make_optimizer(again, config)
        checkpoint.load(tmp_path / "state", again, optimizer)
        moved = [value for state in optimizer.state.values() for value in state.values()]
        assert len(moved) == 3 * len(list(again.parameters()))
        assert {value.device.type for value in moved} == {"cuda"}
