"""Supernets of parts of the clips: each judges what it has not seen, and scores are over all."""

import pytest
import torch
from tiny import asc_nas, kill_when_written, write_config

from asc_nas.core.errors import UsageError
from asc_nas.core.files import sha256
from asc_nas.report.page_tables import updates_table
from asc_nas.run.config import RunConfig
from asc_nas.run.gather.report import gather_report
from asc_nas.run.parts import split_of
from asc_nas.run.population import population_evaluator, supernet_evaluator
from asc_nas.run.run import Run
from asc_nas.run.standalone import Standalone, standalone_trainings
from asc_nas.search.history import read_generations
from asc_nas.search.ranking import Ranking
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


def config_in(folder, folds=2):
    return write_config(
        folder / "tiny.yaml",
        data={"workers": 1},
        search={"folds": folds},
        rank={"networks": 4, "repeats": 1, "epochs": 1, "batch_size": 8},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, recordings):
    folder = tmp_path_factory.mktemp("folds")
    run = Run.open(config_in(folder), recordings, out=folder / "run")
    run.search()
    return run


@pytest.mark.slow
def test_every_supernet_is_trained_on_all_parts_but_one(run):
    parts, (evaluator,) = split_of(run, 2), supernet_evaluator(run).evaluators.values()
    assert [place.weights.parent.name for place in run.supernets] == ["part-0", "part-1"]
    assert not (run.paths.root / "supernet/supernet.safetensors").exists()
    for (own, held_out), judged in zip(parts, evaluator.parts, strict=True):
        assert judged.trained_on.clip_keys == own.clip_keys
        assert judged.held_out.clip_keys == held_out.clip_keys
        norm = judged.supernet.input_norm
        mean, std = own.mel_statistics(norm.level)
        fresh = run.new_supernet().input_norm
        fresh.set_statistics(mean, std)
        for name, value in fresh.state_dict().items():
            assert torch.equal(value, norm.state_dict()[name])
    used = {clip.key for clip in run.manifest.clips if clip.role in ("train", "search_val")}
    held_out = [key for part in evaluator.parts for key in part.held_out.clip_keys]
    assert sorted(held_out) == sorted(used)


@pytest.mark.slow
def test_the_search_and_several_workers_judge_with_all_supernets(run):
    judged = {e.genotype: e for found in read_generations(run.paths.history) for e in found}
    some = list(judged)[:5]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        expected = supernet_evaluator(run)(some)
        with population_evaluator(run, 2) as judge:
            assert judge(some) == expected
    finally:
        torch.set_num_threads(before)
    assert [e.log_loss for e in expected] == pytest.approx([judged[g].log_loss for g in some])
    assert run.search().folds == 2


@pytest.mark.slow
def test_scores_belong_to_all_supernets(run):
    before = run.evaluation_scope()
    assert before["supernet"] == ",".join(sha256(place.weights) for place in run.supernets)


@pytest.mark.slow
def test_a_killed_training_of_the_second_part_goes_on_to_the_same_weights(
    run, recordings, tmp_path
):
    arguments = (config_in(tmp_path), "--data", recordings, "--out", tmp_path / "run")
    killed = Run.open(config_in(tmp_path), recordings, out=tmp_path / "run")
    kill_when_written(killed.supernets[1].state, 2, "supernet", *arguments)
    assert killed.supernets[0].weights.exists()
    assert not killed.supernets[1].weights.exists()
    done = asc_nas("supernet", *arguments)
    assert done.returncode == 0, done.stderr
    for place in killed.supernets:
        assert not place.state.exists()
    whole = [sha256(place.weights) for place in run.supernets]
    assert [sha256(place.weights) for place in killed.supernets] == whole


@pytest.mark.slow
def test_the_ranking_judges_both_sides_on_the_same_clips(run):
    ranking = run.rank()
    assert ranking == Ranking.read(run.paths.rank)
    for network in ranking.networks:
        genotype = Genotype.parse(network.genotype)
        (judged,) = supernet_evaluator(run, True)([genotype])
        assert network.log_loss == pytest.approx(judged.log_loss)
        (training,) = standalone_trainings(run, [genotype], run.paths.standalone, 1, folds=2)
        assert network.standalone_log_loss == Standalone.read(training.file).log_loss


@pytest.mark.slow
def test_the_report_has_the_losses_and_updates_of_every_supernet(run):
    report = gather_report(run, shown_as="run", check_file=run.paths.check)
    assert {"supernet part-0", "supernet part-1"} <= set(report.curves)
    assert report.judged == "supernet, out-of-fold"
    assert "training" not in report.missing
    assert all(updates_table(updates).rows for updates in report.updates.values())
    page = next(file for file in run.report() if file.suffix == ".html").read_text()
    assert "Updates of the candidates, supernet part-1" in page


@pytest.mark.slow
def test_more_parts_than_can_be_cut_are_refused_and_nothing_is_written(recordings, tmp_path):
    run = Run.open(config_in(tmp_path, folds=99), recordings, out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"search\.folds: .* groups .* not 99; give a smaller"):
        run.search()
    assert not run.paths.root.exists()


def test_parts_and_shrinking_are_refused_together():
    values = {"name": "a", "data": {"dataset": "folders"}, "search": {"folds": 3}}
    values |= {"shrinking": {"at": [50], "samples": 200}}
    with pytest.raises(UsageError, match=r"shrinking would leave .* search\.folds to 1"):
        RunConfig.parse(values, "config")
    values["search"] |= {"judge": "training"}
    assert RunConfig.parse(values, "config").search.folds == 3
