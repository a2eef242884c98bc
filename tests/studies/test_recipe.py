"""The parts of the recipe study that make classes uneven and that judge every epoch."""

import numpy as np
import recipe
import torch
import toy

from asc_nas.audio.logmel import PRESETS
from asc_nas.data.examples import Examples
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import fit_network, new_network, score_network
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer


def examples(per_class=12, labels=("a", "b", "c")):
    targets = np.tile(np.arange(len(labels)), per_class)
    count = np.arange(len(targets))
    keys = tuple(map(str, count))
    frontend = PRESETS["esc10_coarse"]
    return Examples(np.zeros((len(count), 2, 3)), count + 5, targets, count, keys, labels, frontend)


def test_every_other_class_keeps_one_clip_of_n():
    whole = examples()
    few = recipe.thinned(whole, 4)
    assert np.bincount(few.targets).tolist() == [3, 12, 3]
    assert set(zip(few.rows, few.targets, few.clips, strict=True)) < set(
        zip(whole.rows, whole.targets, whole.clips, strict=True)
    )


def test_without_thinning_all_clips_stay():
    whole = examples()
    assert recipe.thinned(whole, 1).rows.tolist() == whole.rows.tolist()


def test_judging_every_epoch_changes_nothing(tmp_path):
    train, test = toy.make_examples(), toy.make_examples(seed=1)
    genotype = Genotype.parse("t3e1w1 f3e1w1 t3e1w1 f3e1w1 t3e1w1")
    spec = resolve(genotype, skeleton_from("cp_mobile_tiny"), (16, 24), 3)
    config = TrainConfig(epochs=3, batch_size=8)
    plain, judged = new_network(spec, 0), new_network(spec, 0)
    accuracies = []
    fit_network(plain, train, Trainer(config, 0, tmp_path / "plain"))
    after_epoch = recipe.judge(judged, test, accuracies)
    hooks = Hooks(on_epoch=after_epoch)
    fit_network(judged, train, Trainer(config, 0, tmp_path / "judged", hooks=hooks))
    assert all(torch.equal(v, judged.state_dict()[k]) for k, v in plain.state_dict().items())
    assert len(accuracies) == 3
    assert accuracies[-1] == score_network(judged, test).accuracy
