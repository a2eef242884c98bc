"""A network that begins with the weights of another."""

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny import write_config

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.run import network_folder
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.preparation import prepare
from asc_nas.run.search import train_supernet
from asc_nas.run.start import Start
from asc_nas.run.training import train_networks
from asc_nas.training import checkpoint
from data_prep.synthetic import Plan, generate

HARDLY = {"epochs": 2, "learning_rate": 1e-12, "weight_decay": 0.0}
"""Training that moves no weight that a test could see."""
LEAST = {"name": "least", "data": {"dataset": "synthetic"}}
NORMS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    return folder


def opened(folder, name, **changes):
    config = write_config(folder / f"{name}.yaml", **changes)
    run = RunFolder.open(config, folder / "recordings", ["data.workers=1"], out=folder / name)
    run.begin()
    return run


def trained(folder, name, network="baseline", **changes):
    run = opened(folder, name, **changes)
    prepare(run)
    found = find_network(run, network)
    train_networks([run], [found], [0], 1)
    return found.folder(run, 0).path


@pytest.fixture(scope="module")
def donor(folder):
    return trained(folder, "donor")


def weights(path):
    return load_file(path / "model.safetensors")


def body_of(state):
    kept = ("head.", "input_norm.")
    return {n: v for n, v in state.items() if not (n.endswith(NORMS) or any(k in n for k in kept))}


def test_training_begins_with_them_and_goes_on(folder, donor):
    started = trained(folder, "hardly", retrain={**HARDLY, "start_from": str(donor)})
    given = weights(donor)
    for name, value in weights(started).items():
        if not name.endswith(NORMS):
            torch.testing.assert_close(value, given[name], atol=1e-6, rtol=0, msg=name)
    moved = trained(folder, "moved", retrain={"epochs": 2, "start_from": str(donor)})
    assert not torch.allclose(
        weights(moved)["model.head.conv.weight"], given["model.head.conv.weight"]
    )


def test_frozen_layers_stay_and_the_last_one_learns(folder, donor):
    retrain = {"epochs": 4, "start_from": str(donor), "frozen_share": 0.99}
    started, given = weights(trained(folder, "frozen", retrain=retrain)), weights(donor)
    for name, value in body_of(started).items():
        assert torch.equal(value, given[name]), name
    name = "model.head.conv.weight"
    assert not torch.allclose(started[name], given[name])


def test_started_layers_may_learn_more_slowly(folder, donor):
    retrain = {"epochs": 4, "start_from": str(donor), "started_rate": 1e-9, "weight_decay": 0.0}
    started, given = weights(trained(folder, "slower", retrain=retrain)), weights(donor)
    for name, value in body_of(started).items():
        assert torch.allclose(value, given[name], atol=1e-7), name
    name = "model.head.conv.weight"
    assert not torch.allclose(started[name], given[name], atol=1e-3)


def test_they_thaw_after_their_share(folder, donor):
    retrain = {"epochs": 4, "start_from": str(donor), "frozen_share": 0.5}
    started, given = weights(trained(folder, "thawed", retrain=retrain)), weights(donor)
    assert not any(torch.equal(value, given[name]) for name, value in body_of(started).items())


def test_a_file_tells_what_its_network_is(folder, donor):
    start, run = Start.read(str(donor)), opened(folder, "donor")
    assert start.genotype == run.config.fixed_genotype("baseline")
    assert (start.skeleton, start.frontend) == (run.config.skeleton, run.config.frontend)
    assert start.labels == run.manifest.labels
    named = {"network": str(start.genotype)}
    config = yaml.safe_load((folder / "donor.yaml").read_text()) | {"baselines": {"again": named}}
    assert RunConfig.parse(config, "here").fixed_genotype("again") == start.genotype


def test_another_front_end_is_told_before_anything_is_written(folder, donor):
    frontend = {"n_mels": 24}
    with pytest.raises(UsageError, match="hears with n_mels 20, this one with 24"):
        opened(folder, "other", frontend=frontend, retrain={"start_from": str(donor)})
    assert not (folder / "other").exists()


def test_weights_that_have_heard_the_test_are_refused_before_anything_is_written(folder, donor):
    retrain = {"start_from": str(donor)}
    with pytest.raises(AscNasError, match=r"was trained on \d+ of the \d+ test clips, such as /"):
        opened(folder, "cheating", data={"test_folds": [1]}, retrain=retrain)
    assert not (folder / "cheating").exists()
    assert not opened(folder, "honest", retrain=retrain).paths.root.exists()


@pytest.mark.parametrize("name", ["nothing", "no/such/folder.safetensors"])
def test_weights_that_are_not_there_are_told(folder, name):
    with pytest.raises(UsageError, match=r"no such weights|no weights 'nothing'"):
        opened(folder, "missing", retrain={"start_from": name})


def test_weights_of_an_earlier_version_are_told(tmp_path, folder, donor):
    meta, tensors = checkpoint.read(donor / "model.safetensors")
    old = torch.nn.Linear(2, 2)
    checkpoint.save(tmp_path / "model.safetensors", old, {"genotype": meta["genotype"]})
    with pytest.raises(AscNasError, match="does not tell what its network hears"):
        Start.read(str(tmp_path))
    assert tensors


def test_frozen_layers_need_weights():
    for name in ("frozen_share", "started_rate"):
        with pytest.raises(UsageError, match=f"{name} is of layers that start_from has filled"):
            RunConfig.parse(LEAST | {"retrain": {name: 0.5}}, "here")
    for baseline in ({}, {"network": "t3e1w1", "kernels": ["t3"]}, {"network": "x"}):
        with pytest.raises(UsageError, match=r"baselines\.own|block 'x'"):
            RunConfig.parse(LEAST | {"baselines": {"own": baseline}}, "here")


def test_networks_begin_as_slices_of_the_supernet(folder):
    """The narrower a network, the smaller its slice: pruning by what the supernet has learnt."""
    changes = {"retrain": HARDLY | {"start_from": "supernet"}}
    space = {"max_paths": 1, "expansions": [1.5, 3], "widths": [0.5, 1], "skip": False}
    inside, outside = "t3e1.5w0.5 f3e3w1", "t5e2w1 f5e2w1"
    run = opened(folder, "sliced", space=space, **changes)
    prepare(run)
    train_supernet(run)
    supernet = run.new_supernet()
    checkpoint.load(run.supernets[0].weights, supernet)
    networks = [find_network(run, text) for text in (inside, outside)]
    train_networks([run], networks, [0], 1)
    slice_of = body_of(supernet.extract(networks[0].genotype).state_dict())
    found = body_of(weights(networks[0].folder(run, 0).path))
    assert found.keys() == {f"model.{name}" for name in slice_of} or found.keys() == slice_of.keys()
    for name, value in slice_of.items():
        assert torch.allclose(found.get(name, found.get(f"model.{name}")), value, atol=1e-6)
    assert networks[1].folder(run, 0).result() is not None  # which no supernet holds


def test_a_network_that_no_supernet_holds_is_not_frozen_as_it_was_drawn(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(network_folder, "frozen_until", lambda *_: asked.append(True))
    trained(folder, "drawn", retrain={"start_from": "supernet", "frozen_share": 0.9, "epochs": 1})
    assert not asked


def test_a_supernet_that_is_yet_to_be_trained_is_told(folder):
    with pytest.raises(AscNasError, match=r"needs the supernet, .* run 'asc-nas supernet .*early'"):
        trained(folder, "early", "t3e3w1 f3e3w1", retrain={"start_from": "supernet"})


@pytest.mark.parametrize("search", [{"folds": 2}, {"judge": "training"}])
def test_without_one_supernet_there_is_none_to_start_from(search, folder):
    with pytest.raises(UsageError, match="start_from: supernet needs one supernet"):
        opened(folder, "none", search=search, retrain={"start_from": "supernet"})
