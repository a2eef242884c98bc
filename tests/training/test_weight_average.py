"""Moving average of weights, and distillation from a step's first network."""

import pytest
import torch
from torch import nn
from toy import make_examples

from asc_nas.core.progress import unheard
from asc_nas.data.augment import AugmentConfig
from asc_nas.training.trainer import Hooks, Step, TrainConfig, Trainer
from asc_nas.training.weight_average import moving_average

PLAIN = AugmentConfig(mixup_alpha=0, frequency_mask=0, time_mask=0, time_roll=0)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.weights = nn.ModuleList(nn.Linear(16, 3) for _ in range(2))
        for layer in self.weights:
            nn.init.zeros_(layer.weight)

    def forward(self, x, which=0):
        return self.weights[which](self.norm(x).mean((1, 3)))


def train(module, state_file, passes=None, **settings):
    config = TrainConfig(
        epochs=4, batch_size=8, learning_rate=0.1, checkpoint_every=1, augment=PLAIN
    ).model_copy(update=settings.pop("config", {}))
    hooks = Hooks(
        on_epoch=settings.pop("on_epoch", None), progress=settings.pop("progress", unheard)
    )
    trainer = Trainer(config, 0, state_file, name="test", hooks=hooks, **settings)
    examples = make_examples()
    steps = None if passes is None else lambda step: Step(passes(step), examples)
    return trainer.fit(module, examples, steps)


def test_the_average_follows_the_recurrence():
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    average = moving_average(module, 0.5)
    expected = None
    for n, value in enumerate((1.0, 3.0, -2.0, 5.0)):
        nn.init.constant_(module.weight, value)
        average.update_parameters(module)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = value if expected is None else decay * expected + (1 - decay) * value
        assert average.module.weight.item() == pytest.approx(expected)


def test_training_ends_with_the_average_and_resumes_to_the_same(tmp_path):
    def kill(done, total, text):
        if done == 2:
            raise KeyboardInterrupt

    ema = {"config": {"ema_decay": 0.9}}
    plain, whole, killed, resumed = (Linear() for _ in range(4))
    torch.manual_seed(0)
    for other in (whole, killed, resumed):
        other.load_state_dict(plain.state_dict())
    train(plain, tmp_path / "plain")
    train(whole, tmp_path / "whole", **ema)
    with pytest.raises(KeyboardInterrupt):
        train(killed, tmp_path / "killed", **ema, progress=kill)
    train(resumed, tmp_path / "killed", **ema)
    assert not torch.equal(plain.weights[0].weight, whole.weights[0].weight)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_first_network_teaches_the_others(tmp_path, share):
    """The gradient of the logits tells the targets: softmax - target, per example and pass."""
    module = Linear()
    nn.init.normal_(module.weights[0].weight, generator=torch.Generator().manual_seed(0))
    seen, labels = [], []

    def passes(step):
        def recorded(which):
            def call(x):
                logits = module(x, which)
                logits.retain_grad()
                seen.append(logits)
                return logits

            return call

        return [recorded(0), recorded(1)]

    config = {"epochs": 1, "batch_size": 24, "label_smoothing": 0.0}
    train(module, tmp_path / "s", passes, config=config, distillation=share)

    def targets(logits):
        return logits.softmax(1) - logits.grad * len(logits) * 2

    teacher, pupil = seen
    labels = targets(teacher)
    assert torch.allclose(labels, labels.round(), atol=1e-5)  # one-hot: labels alone
    expected = (1 - share) * labels + share * teacher.softmax(1)
    assert torch.allclose(targets(pupil), expected, atol=1e-5)


def test_stochastic_weight_averaging_averages_the_last_epochs_at_a_constant_rate(tmp_path):
    module, rates, weights = Linear(), [], []

    def note(epoch, values):
        rates.append(values["learning_rate"])
        weights.append(module.weights[0].weight.detach().clone())

    config = {"swa_share": 0.5, "warmup_epochs": 0}
    train(module, tmp_path / "s", config=config, on_epoch=note)
    assert rates[0] > rates[1] > rates[2] == rates[3] > 0
    expected = (weights[2] + weights[3]) / 2
    assert torch.allclose(module.weights[0].weight, expected, atol=1e-6)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_teacher_gives_its_share_of_the_targets(tmp_path, share):
    module, seen = Linear(), []

    def recorded(x):
        logits = module(x)
        logits.retain_grad()
        seen.append(logits)
        return logits

    def teach(x):
        return torch.tensor([0.1, 0.2, 0.7]).expand(len(x), 3)

    config = {"epochs": 1, "batch_size": 24, "label_smoothing": 0.0}
    train(module, tmp_path / "s", lambda step: [recorded], config=config, teacher=(teach, share))
    (logits,) = seen
    targets = logits.softmax(1) - logits.grad * len(logits)
    labels = (targets - share * teach(targets)) / max(1 - share, 1e-9)
    assert torch.allclose(targets.sum(1), torch.ones(24), atol=1e-5)
    if share == 1:
        assert torch.allclose(targets, teach(targets), atol=1e-5)
    else:
        assert torch.allclose(labels, labels.round(), atol=1e-4)
