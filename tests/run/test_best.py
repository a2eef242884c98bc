"""What a run says of its best network."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from asc_nas.cost.counts import Cost
from asc_nas.evaluation.intervals import Intervals
from asc_nas.evaluation.result import LoggedEpoch, Result
from asc_nas.run.best import best_network
from asc_nas.run.exported import exported_files
from asc_nas.search.config import SearchConfig
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.space.genotype import Genotype

GENOTYPE = Genotype.parse("t3e2w1")
MEMBER = Evaluation(GENOTYPE, 0.8, 0.7, 0.625, 1_500, 2_000)
RESULT = Result(
    network="1", genotype=str(GENOTYPE), accuracy=0.5, macro_f1=0.4, log_loss=0.3,
    per_class={"a": 1.0}, confusion=[[8]], labels=["a"], macs=1_500_000, params=2_000,
    ram_bytes=1_250, seed=0, data="made up", trained_on=["train"], test_clips=8,
    epochs=[LoggedEpoch(epoch=1, loss=1.0)],
)  # fmt: skip
INTERVALS = Intervals(groups=3, accuracy=(0.25, 0.75), macro_f1=(0.1, 0.6), log_loss=(0.2, 0.9))


CLIPS = [SimpleNamespace(key=str(i), label="a" if i < 5 else "b", group=str(i)) for i in range(8)]


def said(root, result=RESULT, member=MEMBER, hand_made=(), **search):
    run = SimpleNamespace(
        manifest=SimpleNamespace(labels=("a", "b"), with_role=lambda role: CLIPS),
        readable=lambda role: CLIPS,
        config=SimpleNamespace(name="n", search=SearchConfig(**search), baselines={}),
        paths=SimpleNamespace(root=root, models=root / "models"),
        cost=lambda genotype: Cost(macs=1_500_000, params=2_000, seconds=1.0, ram_bytes=1_250),
    )
    return best_network(run, result, member, hand_made)


def facts(best):
    return {fact.name: fact.value for fact in best.facts}


def test_every_limit_is_told_with_its_value_and_that_of_the_network():
    best = said(Path("runs/a"), limits=Limits(max_macs=2_000_000, max_ram_kb=1.0))
    assert facts(best)["limit max_macs"] == "met: 1,500,000 of 2,000,000"
    assert facts(best)["limit max_ram_kb"] == "NOT met: 1.25 of 1"
    assert [fact.met for fact in best.facts if "limit" in fact.name] == [True, False]
    assert {fact.met for fact in best.facts if "limit" not in fact.name} == {None}


def test_accuracy_and_the_score_that_was_searched_for_stand_with_their_intervals():
    objectives = (Objective(name="log_loss", sense="min"), Objective(name="macs", sense="min"))
    result = RESULT.model_copy(update={"intervals": INTERVALS})
    told = facts(said(Path("runs/a"), result, objectives=objectives))
    assert told["accuracy"] == "0.500 (95 % interval 0.250 to 0.750; 8 test clips of 3 groups)"
    assert told["log loss"] == "0.300 (95 % interval 0.200 to 0.900)"
    assert "macro-F1" not in told
    assert told["chosen by"] == "the search (log loss 0.625); the test had no part in it"


def test_it_is_held_against_every_hand_made_network_clip_by_clip():
    def result(name, genotype, wrong):
        right = [0] * 5 + [1] * 3
        decided = [1 - place if i in wrong else place for i, place in enumerate(right)]
        return RESULT.model_copy(
            update={"network": name, "genotype": genotype, "decided": decided, "macs": 1_750_000}
        )

    own = result("1", str(GENOTYPE), {0})
    others = [result("far", "t3e1w1", range(8)), result("near", "f3e1w1", {0, 1})]
    others += [result("same", str(GENOTYPE), {0}), RESULT.model_copy(update={"genotype": "skip"})]
    told = facts(said(Path("runs/a"), own, hand_made=others))
    against = {name: value for name, value in told.items() if name.startswith("against")}
    assert list(against) == ["against far", "against near"]
    assert against["against far"] == (
        "+87.5 points of accuracy (95 % interval +62.5 to +100.0): this network is better; far has "
        "1.75 M MACs"
    )
    assert against["against near"].startswith("+12.5 points")
    assert "cannot be told apart" in against["against near"]


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"intervals": None}, "0.500 on 8 test clips of one group: no interval"),
        ({}, "0.500 on 8 test clips"),
    ],
)
def test_without_an_interval_the_reason_is_told_where_it_is_known(update, words):
    assert facts(said(Path("runs/a"), RESULT.model_copy(update=update)))["accuracy"] == words


def test_where_nothing_was_searched_that_is_said():
    told = facts(said(Path("runs/a"), strategy="hand_made"))
    assert told["chosen by"].startswith("search-val, of hand-made networks (macro-F1 ")


def test_kilobytes_of_weights_are_those_of_float_and_int8():
    told = facts(said(Path("runs/a")))
    assert told["parameters"] == "8.0 kB in float, 2.0 kB in int8"
    assert told["RAM"] == "1.2 kB in int8, front end included"
    assert told["MACs"] == "1.50 M"


def test_the_only_network_of_a_run_without_a_search_is_chosen_by_hand():
    best = said(Path("runs/a"), member=None)
    assert best.title == "Network 1"
    assert facts(best)["chosen by"] == "hand: no search was made"
    assert best.commands[0] == f"asc-nas export runs/a {GENOTYPE}"


def test_files_are_those_that_are_there_with_what_they_say_of_themselves(tmp_path):
    kit = tmp_path / "models/n-best-c"
    kit.mkdir(parents=True)
    numbers = {"accuracy": 0.5, "float_accuracy": 0.75, "agreement": 0.875}
    sizes = {"network_bytes": 2_000, "ram_bytes": 1_500}
    document = {"format": "asc-nas/kit/1", **numbers, **sizes}
    (kit / "kit.json").write_text(json.dumps(document))
    (file,) = exported_files(tmp_path / "models", "n-best")
    assert file.path == str(kit)
    assert file.says == (
        "C in int8, 2.0 kB of weights, 1.5 kB of RAM; "
        "accuracy 0.500 (float 0.750), 87.5% of decisions alike"
    )
    assert said(tmp_path).commands[-1] == f"asc-nas verify {kit}"
    (kit / "kit.json").write_text("{}")
    (damaged,) = exported_files(tmp_path / "models", "n-best")
    assert str(kit / "kit.json") in damaged.says
