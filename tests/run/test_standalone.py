"""Candidates trained alone: parts by group, resumed, shared between searches, and a stop sign."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import write_config

from asc_nas.core.errors import UsageError
from asc_nas.run import search as search_module
from asc_nas.run import standalone
from asc_nas.run.networks import Pareto
from asc_nas.run.parts import split_of
from asc_nas.run.run import Run
from asc_nas.run.standalone import TrainingEvaluator, standalone_trainings
from asc_nas.search.history import read_generations, read_history
from asc_nas.search.pareto import pareto_set
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.search.strategies import surrogate as surrogate_module
from asc_nas.search.verdict import Verdict
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow
GENOTYPE = Genotype.parse("t3e1.5w1 f3e1.5w1")
LOG_LOSS = [{"name": "log_loss", "sense": "min"}, {"name": "macs", "sense": "min"}]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


def open_run(folder, recordings, **search):
    config = write_config(
        folder / "tiny.yaml",
        data={"workers": 1},
        search={"judge": "training", "folds": 2, "population": 4, "generations": 2} | search,
        rank={"networks": 4, "epochs": 1, "batch_size": 8},
    )
    return Run.open(config, recordings, out=folder / "run")


@pytest.fixture(scope="module")
def run(tmp_path_factory, recordings):
    run = open_run(tmp_path_factory.mktemp("trained"), recordings)
    run.prepare()
    return run


def test_parts_cover_all_training_clips_once_and_no_group_is_on_both_sides(run):
    parts = split_of(run, 2)
    by_key = {clip.key: clip for clip in run.manifest.clips}
    used = [clip.key for role in ("train", "search_val") for clip in run.manifest.with_role(role)]
    held_out = [key for _, part in parts for key in part.clip_keys]
    assert sorted(held_out) == sorted(used)
    for own, part in parts:
        assert not set(own.clip_keys) & set(part.clip_keys)
        groups = [{by_key[key].group for key in side.clip_keys} for side in (own, part)]
        assert not groups[0] & groups[1]
        labels = [by_key[key].label for key in part.clip_keys]
        assert [part.labels[target] for target in part.clip_targets] == labels
    again = [part.clip_keys for _, part in split_of(run, 2)]
    assert again == [part.clip_keys for _, part in parts]


def test_one_part_is_the_split_of_the_run(run):
    ((own, held_out),) = split_of(run, 1)
    for side, role in ((own, "train"), (held_out, "search_val")):
        assert side.clip_keys == tuple(clip.key for clip in run.manifest.with_role(role))


def test_a_training_that_was_stopped_after_a_part_goes_on_to_the_same_scores(run, tmp_path):
    (whole,) = standalone_trainings(run, [GENOTYPE], tmp_path / "whole", 1, 2)
    (killed,) = standalone_trainings(run, [GENOTYPE], tmp_path / "killed", 1, 2)
    expected = standalone.train_standalone(run, whole)
    parts = split_of(run, 2)
    clips = [held_out.num_clips for _, held_out in parts]
    assert np.average(expected.log_loss_by_part, weights=clips) == pytest.approx(expected.log_loss)
    said = standalone._said(killed, 0)
    standalone._train_part(run, killed, *parts[0], said)
    assert not killed.file.parent.exists()  # which other runs may share
    before = said.stat().st_mtime_ns, np.array(standalone.Said.read(said).posteriors)
    assert before[1].sum() == pytest.approx(parts[0][1].num_clips)
    assert standalone.train_standalone(run, killed) == expected
    assert [file.name for file in killed.file.parent.iterdir()] == [killed.file.name]
    assert not list(run.paths.standalone.glob(f"{killed.file.stem}-*"))
    assert 0 <= expected.macro_f1 <= 1


def test_what_was_trained_once_is_read_by_later_searches(run, monkeypatch):
    judge = TrainingEvaluator(run, 1)
    first = judge([GENOTYPE])
    monkeypatch.setattr(standalone, "train", None)  # nothing is trained again
    assert judge([GENOTYPE]) == first
    assert first[0].macs == run.cost(GENOTYPE).macs


def test_runs_that_share_a_folder_train_a_network_once(tmp_path, recordings, monkeypatch):
    shared = tmp_path / "trainings"
    runs = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        run = open_run(tmp_path / name, recordings)
        rank = run.config.rank.model_copy(update={"folder": str(shared)})
        config = run.config.model_copy(update={"rank": rank})
        runs.append(replace(run, config=config, asked=config))
        runs[-1].prepare()
    first = TrainingEvaluator(runs[0], 1)([GENOTYPE])
    assert len(list(shared.iterdir())) == 1
    monkeypatch.setattr(standalone, "train", None)  # nothing is trained again
    assert TrainingEvaluator(runs[1], 1)([GENOTYPE]) == first
    alone = replace(runs[0], config=open_run(tmp_path / "one", recordings).config)
    assert runs[0].evaluation_scope() == alone.evaluation_scope()  # a folder changes no score


def test_a_search_by_trainings_needs_no_supernet(run):
    members = run.search()
    assert not any(supernet.weights.exists() for supernet in run.supernets)
    verdict = Verdict.read(run.paths.verdict)
    assert verdict.networks >= 4
    assert len(members) > 0
    assert run.search() == members


def test_a_search_by_trainings_that_asks_supernets_goes_on_without_asking_twice(
    tmp_path, recordings, monkeypatch
):
    strategy = {"name": "surrogate", "first": 6, "supernet": True, "enough": 0}
    run = open_run(tmp_path, recordings, strategy=strategy, objectives=LOG_LOSS)
    monkeypatch.setattr(surrogate_module, "ASKED", (8, 2))
    run.prepare()
    members = run.search()
    assert all(supernet.weights.exists() for supernet in run.supernets)
    verdict = Verdict.read(run.paths.verdict)
    assert verdict.supernet is not None
    said = read_history(run.paths.shared_scores, run.shared_scope())
    assert len(said) > 6
    trained = {e.genotype: e for e in read_history(run.paths.history, run.evaluation_scope())}
    alike = [e for e in said if e.genotype in trained]
    assert len(alike) == len(trained)  # each was asked about before it was trained
    assert any(e.log_loss != trained[e.genotype].log_loss for e in alike)

    run.paths.pareto.unlink()
    monkeypatch.setattr(PrefixEvaluator, "__call__", lambda self, genotypes: [])  # none is new
    assert run.search() == members


def test_where_searching_adds_nothing_the_hand_made_networks_are_what_is_found(
    tmp_path, recordings, monkeypatch
):
    run = open_run(tmp_path, recordings)
    judged = search_module.verdict
    monkeypatch.setattr(
        search_module,
        "verdict",
        lambda *arguments: judged(*arguments).model_copy(update={"pays": False}),
    )
    baseline = run.config.baselines["baseline"].model_copy(update={"kernels": ("t3", "f3")})
    narrow = baseline.model_copy(update={"expansion": (1.5,)})
    config = run.config.model_copy(update={"baselines": {"own": narrow}})
    run = replace(run, config=config, asked=config)
    members = run.search()
    assert {str(member.genotype) for member in members} == {"t3e1.5w1 f3e1.5w1"}
    assert Verdict.read(run.paths.verdict).ends
    assert run.search() == members


def test_without_the_stop_sign_another_run_searches_on_from_the_same_trainings(
    tmp_path, recordings, run, monkeypatch
):
    run.search()
    judged = search_module.verdict
    monkeypatch.setattr(
        search_module,
        "verdict",
        lambda *arguments: judged(*arguments).model_copy(update={"pays": False}),
    )
    on = open_run(tmp_path, recordings, stop_sign=False)
    rank = on.config.rank.model_copy(update={"folder": str(run.paths.standalone)})
    on = replace(on, config=on.config.model_copy(update={"rank": rank}))
    on.prepare()
    before = {file: file.stat().st_mtime_ns for file in run.standalone.glob("*.json")}
    found = on.search()
    generations = read_generations(on.paths.history)
    assert len(generations) == 2
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert len(before) >= len(generations[0])
    judged = [e for generation in generations for e in generation]
    assert found == Pareto.of(pareto_set(judged, on.config.search.objectives), on.config.search)
    verdict = Verdict.read(on.paths.verdict)
    assert not verdict.pays
    assert not verdict.ends


def test_the_random_control_is_not_told_to_stop(tmp_path, recordings):
    run = open_run(tmp_path, recordings, strategy="random")
    members = run.search()
    generations = read_generations(run.paths.history)
    assert [len(generation) for generation in generations] == [4, 4]
    judged = [e for generation in generations for e in generation]
    assert members == Pareto.of(pareto_set(judged, run.config.search.objectives), run.config.search)
    assert not run.paths.verdict.exists()


def test_hand_made_networks_at_every_width_are_trained_and_nothing_is_searched(
    tmp_path, recordings
):
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        space={"channels": [[4, 8, 12]], "stems": [[4, 4], [4, 8], [4, 12]]},
        search={"judge": "training", "strategy": "hand_made"},
        rank={"epochs": 1, "batch_size": 8},
        baselines={"own": {"kernels": ["t3", "f3"], "expansion": 1.5}},
    )
    run = Run.open(config, recordings, out=tmp_path / "run")
    members = run.search()
    (judged,) = read_generations(run.paths.history)
    assert {tuple(e.genotype.blocks) for e in judged} == {GENOTYPE.blocks}
    assert len({e.macs for e in judged}) == 3
    assert {member.genotype for member in members} <= {e.genotype for e in judged}
    assert not run.paths.verdict.exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"limits": {"max_params": 1000}},
            r"max_params: no hand-made network comes below 1000; the",
        ),
        ({"baselines": {}}, r"'baselines' has no network; name one, such as summed: \{"),
        ({"baselines": {"own": {"kernels": ["s7"]}}}, r"no network of 'baselines' is in the space"),
    ],
)
def test_where_no_hand_made_network_can_be_judged_that_is_told_before_anything_is_written(
    tmp_path, recordings, changes, told
):
    own = {"kernels": ["t3", "f3"], "expansion": 3}
    config = write_config(
        tmp_path / "tiny.yaml",
        search={"strategy": "hand_made", "limits": changes.get("limits", {})},
    )
    baselines = changes.get("baselines", {"own": own})
    run = Run.open(config, recordings, {"baselines": baselines}, out=tmp_path / "run")
    with pytest.raises(UsageError, match=told):
        run.search()
    assert not run.paths.root.exists()
