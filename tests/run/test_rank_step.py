"""Ranking on a tiny run: what is trained, what is kept, and what rank.json says."""

from dataclasses import replace

import pytest

from asc_nas.core.errors import AscNasError
from asc_nas.run.ranking import networks_to_rank, standalone_trainings
from asc_nas.search.ranking import Ranking
from asc_nas.space.genotype import Genotype

pytestmark = pytest.mark.slow
GENOTYPE = Genotype.parse("t3e1.5w1 f3e1.5w1")


@pytest.fixture(scope="module")
def ranked(tiny_run):
    return tiny_run.rank()


def with_rank(run, **changes):
    rank = run.config.rank.model_copy(update=changes)
    return replace(run, config=run.config.model_copy(update={"rank": rank}))


def test_scores_of_alone_trainings_are_averaged_and_the_file_reads_back(tiny_run, ranked):
    assert len(ranked.networks) == 4
    for network in ranked.networks:
        scores = [alone.macro_f1 for alone in network.standalone]
        assert len(scores) == 2
        assert network.standalone_macro_f1 == pytest.approx(sum(scores) / 2)
    macs = [network.macs for network in ranked.networks]
    assert macs == sorted(macs)
    assert macs[0] < macs[-1]
    assert str(Ranking.read(tiny_run.paths.rank)) == str(ranked)


def test_a_second_ranking_trains_nothing(tiny_run, ranked):
    files = sorted(tiny_run.paths.standalone.iterdir())
    assert [file.suffix for file in files] == [".json"] * 8
    before = [file.stat().st_mtime_ns for file in files]
    assert str(tiny_run.rank()) == str(ranked)
    assert [file.stat().st_mtime_ns for file in sorted(tiny_run.paths.standalone.iterdir())] == (
        before
    )


def test_runs_share_what_was_trained_by_the_same_recipe_and_nothing_else(tiny_run, tmp_path):
    def files(run):
        repeats = run.config.rank.repeats
        trainings = standalone_trainings(run, [GENOTYPE], tmp_path, repeats)
        return [training.file for training in trainings]

    first = files(tiny_run)
    assert len(set(first)) == 2  # two seeds
    assert files(with_rank(tiny_run, networks=9)) == first
    assert files(with_rank(tiny_run, repeats=1)) == first[:1]
    assert not set(files(with_rank(tiny_run, epochs=3))) & set(first)


def test_networks_of_another_ranking_must_be_in_this_space(tiny_run, ranked, tmp_path):
    like = tmp_path / "rank.json"
    ranked.write(like)
    assert [str(g) for g in networks_to_rank(tiny_run, like)] == [
        network.genotype for network in ranked.networks
    ]
    foreign = ranked.networks[0].model_copy(update={"genotype": "s5e1w1 s5e1w1"})
    ranked.model_copy(update={"networks": [foreign]}).write(like)
    with pytest.raises(AscNasError, match="'s5e1w1 s5e1w1' is not in the space of"):
        networks_to_rank(tiny_run, like)
