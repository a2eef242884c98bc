"""Networks of a run that are adapted to single recording devices, on a generated TAU Urban 2022."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tau_runs import tau_run
from trees import tau_2022_splits
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.cli.output.network_tables import print_adapted
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.examples import Examples
from asc_nas.evaluation.gain import Adapted
from asc_nas.evaluation.intervals import bootstrap
from asc_nas.evaluation.scores import Decisions
from asc_nas.run.adaptation import adapt_to
from asc_nas.run.adapted import AdaptedNetwork, adapted_networks, find_trained
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.training import Training
from asc_nas.training.trainer import posteriors

pytestmark = pytest.mark.slow
SEEN = ["a", "b", "c", "s1", "s2", "s3"]
SHORT = {
    "adapt.epochs": 2,
    "adapt.batch_size": 8,
    "adapt.learning_rate": 0.02,
    "adapt.checkpoint_every": 1,
}
LABEL = "Miller_UNI_task1_1"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run with two trained networks, whose training drew devices equally often."""
    folder = tmp_path_factory.mktemp("tau")
    tau_2022_splits(folder / "tree")
    balanced = {"retrain.balanced": "class_and_recorder", "supernet.balanced": "recorder"}
    return tau_run(folder / "tree", folder / "run", 25, **balanced, **SHORT).paths.root


@pytest.fixture(scope="module")
def adapted(root):
    """What `baseline` gained."""
    return Run.open(root).adapt("baseline")


@pytest.fixture
def copy(root, adapted, tmp_path):
    """Return the run without adapted networks, in a place of its own."""
    shutil.copytree(root, tmp_path / "run", ignore=shutil.ignore_patterns("adapted"))
    return Run.open(tmp_path / "run")


def of_network(run, text, seed=0):
    """Return the posteriors of a network for the test clips."""
    examples = run.examples("test")
    network = find_trained(run, text).folder(run, seed).load()
    with torch.no_grad():
        return examples, examples.clip_posteriors(posteriors(network, examples).numpy())


def test_every_device_of_the_training_gets_a_network_compared_by_hand(root, adapted):
    run = Run.open(root)
    examples, without = of_network(run, "baseline")
    names, said = np.array(examples.recorders), without.copy()
    for name in SEEN:
        said[names == name] = of_network(run, f"baseline@{name}")[1][names == name]
    assert np.abs(said - without)[np.isin(names, SEEN)].max(1).min() > 0
    targets = examples.clip_targets
    groups = {clip.key: clip.group for clip in run.manifest.clips}
    groups = np.array([groups[key] for key in examples.clip_keys])

    def told(posteriors, here):
        decisions = Decisions.of_posteriors(posteriors, targets, examples.labels).where(here)
        interval = bootstrap(decisions, groups[here].tolist()).accuracy
        return (posteriors.argmax(1) == targets)[here].mean(), interval

    assert adapted.adapted_to == SEEN
    assert [part.recorder for part in adapted.recorders] == [*SEEN, "s4", "s5", "s6"]
    for part in adapted.recorders:
        here = names == part.recorder
        assert (part.clips, part.seen) == (here.sum(), part.recorder in SEEN)
        assert (part.general, part.general_interval) == told(without, here)
        own = told(said, here) if part.seen else (None, None)
        assert (part.adapted, part.adapted_interval) == own
    total, everything = adapted.total, names != ""
    assert total.clips == len(names) == 180
    assert (total.general, total.general_interval) == told(without, everything)
    assert (total.adapted, total.adapted_interval) == told(said, everything)


def test_what_the_files_hold_is_what_other_commands_say(root, adapted):
    run = Run.open(root)
    assert Adapted.read(root / "adapted/baseline.json") == adapted
    folder = root / "adapted/baseline-s1"
    kept = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert kept == {"adaptation.json", "model.safetensors", "result.json"}
    scored = run.evaluate("baseline@s1")
    assert scored.about["network"] == "baseline@s1"
    parts = {part.name: part for part in scored.evaluation.devices}
    assert parts["s1"].accuracy == adapted.recorders[3].adapted
    result = json.loads((folder / "result.json").read_text())
    assert result["accuracy"] == scored.evaluation.scores.accuracy
    assert result["trained_on"] == ["train", "search_val"]
    assert list(adapted_networks(run, find_network(run, "baseline"), 0)) == SEEN
    assert adapted_networks(run, find_network(run, "square"), 0) == {}


def test_it_hears_the_clips_of_one_device_and_none_of_the_test(copy, monkeypatch):
    heard, batches = set(), Examples.batches

    def listen(self, size, rng=None, **options):
        if rng is not None:  # shuffled, to be trained with
            heard.update(self.clip_keys)
        yield from batches(self, size, rng, **options)

    monkeypatch.setattr(Examples, "batches", listen)
    copy.adapt("baseline", "s2")
    clips = {clip.key: clip for clip in copy.manifest.clips}
    own = {k for k, c in clips.items() if c.device == "s2" and c.role in ("train", "search_val")}
    assert heard == own
    heard.clear()
    Run.open(copy.paths.root, settings={"adapt.share": 0.5}).adapt("baseline", "s3")
    assert {clips[key].role for key in heard} == {"train", "search_val"}
    assert sum(clips[key].device == "s3" for key in heard) == len(heard) / 2


def test_a_stopped_adaptation_ends_as_one_that_was_not(root, copy):
    training = Training(AdaptedNetwork.of(find_network(copy, "baseline"), "a"), 0)

    def stopping(done, total, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt_to(copy, training, stopping)
    folder = copy.paths.root / "adapted/baseline-a"
    assert (folder / "state.safetensors").exists()
    assert not (folder / "model.safetensors").exists()
    with pytest.raises(AscNasError, match=r"not trained yet; run 'asc-nas adapt .* baseline --rec"):
        copy.evaluate("baseline@a")
    told = []
    result = adapt_to(copy, training, lambda *report: told.append(report[:2]))
    assert told == [(2, 2)]  # the first epoch is not trained again
    assert not (folder / "state.safetensors").exists()
    whole = load_file(root / "adapted/baseline-a/model.safetensors")
    for name, value in load_file(folder / "model.safetensors").items():
        assert torch.equal(value, whole[name]), name
    assert [entry.epoch for entry in result.epochs] == [1, 2]
    assert adapt_to(copy, training) == result


def test_side_by_side_it_ends_with_the_same_devices(copy):
    found = copy.adapt("baseline", "s1", "a", workers=2)
    assert found.adapted_to == ["s1", "a"]
    assert {part.recorder for part in found.recorders if part.adapted is not None} == {"a", "s1"}


def test_weights_of_another_device_are_told(copy):
    copy.adapt("baseline", "a", "b")
    first, second = (copy.paths.root / f"adapted/baseline-{name}" for name in "ab")
    shutil.copy(first / "model.safetensors", second)
    with pytest.raises(AscNasError, match="these weights are of another training"):
        copy.evaluate("baseline@b")


def test_networks_of_other_seeds_are_adapted_beside(copy):
    copy.train("baseline", seeds=[1])
    found = copy.adapt("baseline", "a", seed=1)
    folder = find_trained(copy, "baseline@a").folder(copy, 1)
    assert folder.path.name == "baseline-seed1-a"
    assert folder.require_result().seed == found.seed == 1
    assert Adapted.read(copy.paths.root / "adapted/baseline-seed1.json") == found
    assert not find_trained(copy, "baseline@a").folder(copy, 0).has()


def test_any_name_of_a_device_makes_a_folder_of_its_own(root):
    run, names = (
        Run.open(root),
        ["a", "A", "Zoom H5/2", "..", "gr\u00f6\u00dfe", "b-a", "seed1", "x" * 100],
    )
    networks = [AdaptedNetwork.of(find_network(run, "baseline"), name) for name in names]
    folders = [network.folder(run, 0).path for network in networks]
    assert {folder.parent for folder in folders} == {root / "adapted"}
    assert all(re.fullmatch(r"baseline-[a-z0-9_]{1,32}", folder.name) for folder in folders)
    assert len({folder.name for folder in folders}) == len(names)


def test_other_settings_or_weights_are_told_and_nothing_is_lost(copy):
    copy.adapt("baseline", "b")
    weights = copy.paths.root / "adapted/baseline-b/model.safetensors"
    before = weights.read_bytes()
    other = Run.open(copy.paths.root, settings={"adapt.learning_rate": 1e-3})
    with pytest.raises(AscNasError, match=r"adapt\.learning_rate is 0\.001, was 0\.02.*delete"):
        other.adapt("baseline", "b")
    again = Run.open(copy.paths.root, settings=SHORT | {"adapt.checkpoint_every": 7})
    assert again.adapt("baseline", "b").adapted_to == ["b"]
    general, square = (
        copy.paths.retrain(name) / "model.safetensors" for name in ("baseline", "square")
    )
    shutil.copy(square, general)
    with pytest.raises(AscNasError, match="the general network has other weights now"):
        again.adapt("baseline", "b")
    for use in (again.evaluate, again.export):
        with pytest.raises(AscNasError, match="was adapted from other weights of baseline; delete"):
            use("baseline@b")
    assert weights.read_bytes() == before


def test_devices_without_test_clips_and_clips_of_unknown_ones_are_told(copy, capsys):
    changes = {"s1": {"role": ""}, "s4": {"device": ""}}
    copy.manifest = copy.manifest.with_clips(
        [
            replace(clip, **changes.get(clip.device, {})) if clip.role == "test" else clip
            for clip in copy.manifest.clips
        ]
    )
    found = copy.adapt("baseline", "s1", "s2")
    assert found.without_clips == ["s1"]
    assert [part.recorder for part in found.recorders] == [
        "",
        "a",
        "b",
        "c",
        "s2",
        "s3",
        "s5",
        "s6",
    ]
    assert [part.seen for part in found.recorders] == [None, *[True] * 5, False, False]
    assert found.total.clips == sum(part.clips for part in found.recorders) == 160
    print_adapted(found)
    told = capsys.readouterr().out
    assert re.search(r"^ unknown +20 ", told, re.MULTILINE)
    assert "note: no test clips of s1\n" in told


def test_a_network_without_the_name_of_a_device_is_told(root):
    with pytest.raises(UsageError, match="name a recording device behind @"):
        find_trained(Run.open(root), "baseline@")


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (("baseline", "s4"), UsageError, r"--recorder s4: no training clip is of it.*a, b, c, s1"),
        (("baseline@a",), UsageError, "adapted to a recording device.* general one, 'baseline'"),
        (("t3e1w1 t3e1w1",), AscNasError, "not trained yet; run 'asc-nas train"),
    ],
)
def test_what_cannot_be_adapted_is_told(root, call, error, said):
    with pytest.raises(error, match=said):
        Run.open(root).adapt(*call)


def test_the_command_shows_both_accuracies_with_their_intervals(root, adapted):
    done = CliRunner().invoke(app, ["adapt", str(root), "baseline"])
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split() for line in done.output.splitlines() if line.strip()}
    part = adapted.recorders[0]
    low, high = part.adapted_interval
    assert rows["a"][1:4] == ["seen", "20", f"{part.general:.3f}"]
    assert rows["a"][7:] == [f"{part.adapted:.3f}", f"{low:.3f}", "to", f"{high:.3f}"]
    assert rows["s6"][1:3] + rows["s6"][7:] == ["unseen", "20", "-"]
    assert "adapted networks: baseline@a, baseline@b" in done.output


def test_a_submission_takes_them_all_or_by_name(root, adapted, tmp_path):
    call = ["submit", str(root), "baseline", "--year", "2025", "--label", LABEL]
    done = CliRunner().invoke(app, [*call, "--adapted", "--out", str(tmp_path / "all")])
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    meta = yaml.safe_load((tmp_path / f"all/task1/{LABEL}/{LABEL}.meta.yaml").read_text())
    results = meta["results"]["development_dataset"]["device_specific"]["device_wise"]
    for part in adapted.recorders:
        accuracy = part.general if part.adapted is None else part.adapted
        assert results[part.recorder]["accuracy"] == pytest.approx(100 * accuracy, abs=0.01)
    assert meta["system"]["description"]["num_models_at_inference"] == 7
    assert meta["system"]["description"]["pipeline"] == "search, train, fine-tune by device"

    run = Run.open(root)
    options = {"year": 2025, "label": LABEL, "out": tmp_path / "one"}
    one = run.submit("baseline", devices={"s1": "baseline@s1"}, **options)
    assert list(one.entries[0].networks) == ["general", "s1"]
    both = run.submit("baseline", devices={"s1": "square"}, adapted=True, **options)
    square = str(run.config.fixed_genotype("square"))
    genotypes = {name: told["genotype"] for name, told in both.entries[0].networks.items()}
    assert list(genotypes) == ["general", *SEEN]
    assert [name for name in genotypes if genotypes[name] == square] == ["s1"]
    with pytest.raises(
        AscNasError, match=r"square is not adapted .* run 'asc-nas adapt .* square'"
    ):
        run.submit("square", adapted=True, **options)
    with pytest.raises(UsageError, match="--adapted: the recording device is not known in 2024"):
        run.submit("baseline", adapted=True, **(options | {"year": 2024}))
