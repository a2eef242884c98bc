"""Feature distillation: what is learnt, that the network alone is left, and that a stop is none."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from toy import far_from_identity, make_examples

from asc_nas.core.progress import unheard
from asc_nas.data.augment import AugmentConfig
from asc_nas.export.quantisation_aware import quantisation_aware
from asc_nas.nn.subnet import SubNet
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import Skeleton
from asc_nas.training.feature_distillation import FeatureLoss, WithProjection, clip_embeddings
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer

SIZE, CLASSES, DIMS = (16, 24), 3, (5, 2)
CONFIG = TrainConfig(epochs=6, batch_size=8, learning_rate=1e-2, checkpoint_every=1)
LOSS = FeatureLoss(1.0, CLASSES, DIMS)


def net(head=0):
    skeleton = {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
        "head_channels": head or None,
    }
    genotype = Genotype.parse("t3e2w1 f3e2w1")
    return resolve(genotype, Skeleton.parse(skeleton, "toy"), SIZE, CLASSES)


def taught_examples(clips=24, seed=0):
    examples = make_examples(clips=clips, seed=seed)
    rng = np.random.default_rng(7)
    # A class has an embedding of its own, which differs a little from clip to clip.
    centres = rng.normal(size=(CLASSES, sum(DIMS)))
    noise = 0.1 * rng.normal(size=(clips, sum(DIMS)))
    embeddings = (centres[examples.clip_targets] + noise).astype(np.float32)
    probabilities = np.eye(CLASSES, dtype=np.float32)[examples.clip_targets]
    return examples.taught_by(probabilities, 0.5, embeddings)


def fitted(file, examples, loss=LOSS, progress=unheard, share=0.0, config=CONFIG):
    network = new_network(net(), 0)
    learner = WithProjection(network, sum(DIMS), 0)
    trainer = Trainer(config, 0, file, hooks=Hooks(progress=progress), feature_loss=loss)
    steps = quantisation_aware(network, examples, config, share, learner)
    log = fit_network(learner, examples, trainer, steps)
    return network, learner, log


@pytest.mark.parametrize("head", [0, 12])
def test_the_features_are_what_the_layer_to_the_classes_takes(head):
    network = SubNet(net(head))
    far_from_identity(network)
    network.eval()
    x = make_examples().batch(np.arange(4))[0]
    features = network.features(x)
    assert features.shape[1] == network.embedding_size == (head or 8)
    logits = network(x)
    assert torch.equal(network.answer(features), logits)
    mean = features.mean((2, 3))
    last = network.classifier if head else network.head
    again = last(mean) if head else last(mean[:, :, None, None])[:, :, 0, 0]
    assert torch.allclose(again, logits, atol=1e-4)
    both = WithProjection(network, sum(DIMS), 0)(x)
    assert both.shape == (4, CLASSES + sum(DIMS))
    assert torch.equal(both[:, :CLASSES], logits)


def test_the_loss_is_one_minus_the_mean_cosine_of_the_teachers():
    rng = np.random.default_rng(0)
    outputs, targets = (torch.from_numpy(rng.normal(size=(4, 10))) for _ in range(2))
    cosines = []
    for start, end in ((3, 8), (8, 10)):
        one, other = outputs[:, start:end].numpy(), targets[:, start:end].numpy()
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines.append(((one * other).sum(1) / lengths).mean())
    expected = 0.5 * (1 - np.mean(cosines))
    assert FeatureLoss(0.5, CLASSES, DIMS)(outputs, targets).item() == pytest.approx(expected)
    assert LOSS(outputs[:, :CLASSES], targets).item() == 0


def test_a_step_learns_answers_and_features(tmp_path):
    examples = taught_examples()
    x, _ = examples.batch(np.arange(8))
    targets = examples.soft_targets(np.arange(8))
    learner = WithProjection(new_network(net(), 0), sum(DIMS), 0)
    outputs = learner(x)
    answers = F.cross_entropy(outputs[:, :CLASSES], targets[:, :CLASSES], label_smoothing=0.1)
    trainer = Trainer(CONFIG, 0, tmp_path / "s", feature_loss=LOSS)
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.0)
    found = trainer.step(optimizer, trainer.new_scaler(), (learner,), x, targets)
    assert found.item() == pytest.approx((answers + LOSS(outputs, targets)).item(), rel=1e-5)


def distance(learner, examples):
    learner.eval()
    positions = np.arange(len(examples))
    with torch.no_grad():
        outputs = learner(examples.batch(positions)[0])
    return LOSS(outputs, examples.soft_targets(positions)).item()


def test_features_come_nearer_to_those_of_the_teacher_where_they_are_learnt(tmp_path):
    examples = taught_examples()
    plain = AugmentConfig(mixup_alpha=0, time_roll=0, frequency_mask=0, time_mask=0)
    config = CONFIG.model_copy(update={"epochs": 30, "augment": plain})
    taught = fitted(tmp_path / "a", examples, config=config)[1]
    nothing = FeatureLoss(0.0, CLASSES, DIMS)
    alone = fitted(tmp_path / "b", examples, nothing, config=config)[1]
    assert distance(taught, examples) < 0.1 < distance(alone, examples)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_training_that_goes_on_ends_with_the_same_weights(share, tmp_path):
    examples = taught_examples()

    def stop(done, total, text):
        if done == 4:
            raise StoppedError

    whole, _, log = fitted(tmp_path / "a", examples, share=share)
    with pytest.raises(StoppedError):
        fitted(tmp_path / "b", examples, progress=stop, share=share)
    again, _, log_again = fitted(tmp_path / "b", examples, share=share)
    assert log == log_again
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_embeddings_of_a_clip_are_the_mean_over_its_channels():
    examples = make_examples(clips=6, channels=2)
    network = SubNet(net())
    far_from_identity(network)
    found = clip_embeddings(network, examples, batch=4)
    with torch.no_grad():
        each = network.eval().features(examples.batch(np.arange(12))[0]).mean((2, 3)).numpy()
    assert np.allclose(found, each.reshape(6, 2, -1).mean(1), atol=1e-5)
