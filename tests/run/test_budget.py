"""A run sized to a user's time: the plan fills it, is a valid config, and is kept on resume."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import write_config
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import read_json
from asc_nas.core.progress import Listener
from asc_nas.run import budget
from asc_nas.run.budget import Pace, plan
from asc_nas.run.budget_file import Budget
from asc_nas.run.config import RunConfig, parse_duration
from asc_nas.run.folder import RunFolder
from asc_nas.run.sequence import run_all
from asc_nas.run.work import Work
from asc_nas.search.history import read_generations, write_history
from asc_nas.search.objectives import Evaluation
from asc_nas.search.strategies import STRATEGIES
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate

WORK = Work(supernet_epoch=2.0, generation=4.0, retrain_epoch=1.5, shrinking=0.0, rest=30.0)
GENOTYPE = Genotype.parse("t3e1.5w1 f3e1.5w1")
STEPS = ("supernet", "search", "retrain")


def config_of(name):
    path = Path("configs") / f"{name}.yaml"
    return RunConfig.parse(read_yaml(path), str(path))


def seconds_of(sizes):
    return sum(WORK.of(dict(zip(STEPS, sizes, strict=True))).values())


def sized(config, settings):
    changes = [f"{key}={value}" for key, value in settings.items()]
    return RunConfig.parse(apply_overrides(config.model_dump(mode="json"), changes), "sized")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "30 minutes", "-5m"])
def test_what_is_no_duration_is_told_with_an_example(text):
    with pytest.raises(UsageError, match="write it as 90s, 30m"):
        parse_duration(text)


@given(st.floats(300, 1e6), st.sampled_from(["nasc", "unified", "bsnas"]))
def test_a_plan_fills_the_time_and_does_not_exceed_it(seconds, name):
    config = config_of(name)
    settings = plan(config, WORK, seconds)
    sizes = (
        settings["supernet.epochs"],
        settings["search.generations"],
        settings["retrain.epochs"],
    )
    assert seconds_of(sizes) <= seconds
    # One more of the largest step of the proportion would not fit.
    more = [size + max(1, round(0.02 * size)) for size in sizes]
    assert seconds_of(more) > seconds
    # Broadening and shrinking still lie within the training: the config is checked when parsed.
    assert sized(config, settings).supernet.epochs == sizes[0]


def test_sizes_keep_the_proportion_of_the_config():
    config = config_of("nasc")
    settings = plan(config, WORK, 10 * seconds_of((75, 15, 200)))
    factor = settings["supernet.epochs"] / config.supernet.epochs
    assert settings["retrain.epochs"] / config.retrain.epochs == pytest.approx(factor, rel=0.02)
    assert settings["search.generations"] / config.search.generations == pytest.approx(
        factor, rel=0.05
    )


def test_a_budget_below_the_smallest_run_says_how_much_it_takes():
    with pytest.raises(UsageError, match=r"too short.*about 67 s here, and 60 s are left"):
        plan(config_of("nasc"), WORK, 60)


def test_a_damaged_plan_is_told(tmp_path):
    file = tmp_path / "budget.json"
    settings = '{"supernet.epochs": "many"}'
    file.write_text(
        f'{{"format": "asc-nas/budget/1", "seconds": 9.0, "work": {{}}, "settings": {settings}}}'
    )
    with pytest.raises(AscNasError, match=r"budget\.json.*delete it"):
        Budget.read(file)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


def test_after_a_step_what_is_left_is_filled_by_the_others():
    config = config_of("nasc")
    settings = plan(config, WORK, 330, kept={"supernet": 500}, done=["supernet"])
    sizes = {"search": settings["search.generations"], "retrain": settings["retrain.epochs"]}
    assert "supernet.epochs" not in settings
    assert 320 < sum(WORK.of(sizes).values()) <= 330
    # Once the run has begun, too little time makes the rest small, and is no error.
    settings = plan(config, WORK, -5, kept={"supernet": 500}, done=["supernet"])
    assert settings == {"search.generations": 3, "retrain.epochs": 10}
    assert plan(config, WORK, 10, kept=dict.fromkeys(STEPS, 9), done=STEPS) == {}


DEAR = Work(0.0, generation=100.0, retrain_epoch=1.0, shrinking=0.0, rest=10.0, first=300.0)


def trained(generations):
    config = config_of("esc50")
    search = config.search.model_copy(update={"generations": generations})
    return config.model_copy(update={"search": search})


@given(st.floats(420, 1e5))
def test_a_budget_of_trainings_is_filled_with_rounds_and_epochs(seconds):
    settings = plan(trained(5), DEAR, seconds)
    assert set(settings) == {"search.generations", "retrain.epochs"}
    rounds, epochs = settings["search.generations"], settings["retrain.epochs"]
    assert 300 + 100 * rounds + epochs + 10 <= seconds
    assert 300 + 100 * (rounds + 1) + 1.1 * epochs + 50 + 10 > seconds


def test_a_budget_of_trainings_needs_the_first_round():
    with pytest.raises(UsageError, match=r"too short.*about 420 s here, and 400 s are left"):
        plan(trained(5), DEAR, 400)


def one_round(judge):
    config = trained(5)
    changes = {"strategy": STRATEGIES["hand_made"](name="hand_made"), "judge": judge}
    return config.model_copy(update={"search": config.search.model_copy(update=changes)})


@given(st.floats(220, 1e5))
def test_where_all_is_trained_in_one_round_a_budget_is_filled_with_its_epochs(seconds):
    config = one_round("training")
    assert config.rank.epochs == config.retrain.epochs
    work = Work(0.0, generation=5.0, retrain_epoch=1.0, shrinking=0.0, rest=10.0)
    settings = plan(config, work, seconds)
    assert set(settings) == {"rank.epochs", "retrain.epochs"}
    assert abs(settings["rank.epochs"] - settings["retrain.epochs"]) <= 1
    assert 5 * settings["rank.epochs"] + settings["retrain.epochs"] + 10 <= seconds
    assert 5 * (settings["rank.epochs"] + 2) + settings["retrain.epochs"] + 2 + 10 > seconds
    assert sized(config, settings).rank.epochs == settings["rank.epochs"]


def test_with_shared_weights_one_round_is_one_round_however_long_the_budget_is():
    settings = plan(one_round("supernet"), WORK, 10_000)
    assert set(settings) == {"supernet.epochs", "retrain.epochs"}
    left = 10_000 - 30 - 4 - 2 * settings["supernet.epochs"] - 1.5 * settings["retrain.epochs"]
    assert 0 <= left < 10


class Clock:
    """A clock that only steps move."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def paced(recordings, tmp_path, monkeypatch):
    """Give a function that opens a run of 1000 s, with what it says, and its clock."""
    clock, said = Clock(), []
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(budget, "measure", lambda run: WORK)
    config = write_config(tmp_path / "tiny.yaml", supernet={"epochs": 20})
    listener = Listener(on_message=said.append)

    def open_run(*settings):
        place = tmp_path / "run"
        changes = ["data.workers=1", *settings]
        run = RunFolder.open(config, recordings, changes, place, listener=listener)
        run.begin(search=True)
        return run

    return open_run, clock, said


def test_a_step_that_takes_longer_than_expected_makes_the_others_smaller(paced):
    open_run, clock, said = paced
    run = open_run("budget=1000s")
    pace = Pace(run, 0.0)
    assert not run.paths.root.exists()
    with run.lock():
        clock.now = 100.0
        pace.step("features")
        planned = run.config
        assert said[-1].startswith(
            "Budget 1000s: 15m00s left, about 15m00s of work (supernet.epochs"
        )
        weights = run.supernets[0].weights
        weights.parent.mkdir()
        weights.touch()
        clock.now += 1.1 * WORK.of({"supernet": planned.supernet.epochs})["supernet"]
        pace.step("supernet")
    assert run.config.supernet.epochs == planned.supernet.epochs
    assert run.config.retrain.epochs < planned.retrain.epochs
    sizes = {"search": run.config.search.generations, "retrain": run.config.retrain.epochs}
    assert clock.now + 1.08 * sum(WORK.of(sizes).values()) < 1000
    kept = Budget.read(run.paths.budget)
    assert kept.took["supernet"] == pytest.approx(1.1 * kept.expected["supernet"])
    assert kept.seconds == pytest.approx(1000 - clock.now)


@pytest.fixture
def searched(paced, monkeypatch):
    """Give a run of 1000 s that is to be searched, its pace, a clock, and what writes a history."""
    open_run, clock, said = paced
    monkeypatch.setattr(budget, "measure", lambda run: DEAR)
    run = open_run("budget=1000s", "search.judge=training")
    pace = Pace(run, 0.0)

    def generation(number):
        e = Evaluation(GENOTYPE, 0.5, 0.5, 1.0, 10, 10)
        write_history(run.paths.history, [[e]] * number, {})

    with run.lock():
        pace.step("features")
        yield run, pace, clock, said, generation


def test_a_search_that_takes_longer_ends_early_and_leaves_the_rest_its_share(searched):
    run, pace, clock, said, generation = searched
    planned = run.config
    assert planned.search.generations > 3
    ended = 0
    for number in range(1, planned.search.generations + 1):
        clock.now += 1.5 * DEAR.generation + (1.5 * DEAR.first if number == 1 else 0)
        generation(number)
        if pace.enough(number):
            ended = number
            break
    assert 1 <= ended < planned.search.generations
    assert f"the search ends after {ended} of {planned.search.generations} generations" in said[-1]
    pace.step("search")
    left = 1000 - clock.now
    assert 0.8 * left < 1.5 * (DEAR.rest + run.config.retrain.epochs * DEAR.retrain_epoch) <= left
    kept = Budget.read(run.paths.budget)
    assert kept.expected["search"] == DEAR.of({"search": ended})["search"]


def test_a_search_as_long_as_expected_does_all_its_generations(searched):
    run, pace, clock, _, _ = searched
    clock.now += DEAR.first
    for number in range(1, run.config.search.generations + 1):
        clock.now += DEAR.generation
        assert not pace.enough(number)


def test_a_search_ends_with_the_round_in_which_the_budget_is_spent(searched):
    _, pace, clock, said, _ = searched
    clock.now += 1001
    assert pace.enough(1)
    assert said[-1].startswith("Budget 1000s: 0s left; the search ends after 1 of")


def test_shared_weights_judge_the_fewest_generations_even_when_the_budget_is_spent(paced):
    open_run, clock, _ = paced
    run = open_run("budget=1000s")
    pace = Pace(run, 0.0)
    with run.lock():
        pace.step("features")
        clock.now += 1001
        assert [pace.enough(number) for number in (1, 2, 3)] == [False, False, True]


def test_a_search_that_ends_of_itself_does_not_make_what_follows_longer(searched):
    run, pace, clock, _, generation = searched
    clock.now += DEAR.of({"search": 1})["search"]
    generation(1)  # where searching adds nothing
    pace.step("search")
    left = 1000 - clock.now
    assert 0.9 * left < DEAR.rest + run.config.retrain.epochs * DEAR.retrain_epoch <= left


def test_without_a_budget_a_search_goes_on(recordings, tmp_path):
    config = write_config(tmp_path / "tiny.yaml")
    run = RunFolder.open(config, recordings, ["data.workers=1"], out=tmp_path / "run")
    assert not Pace(run, 0.0).enough(1)


def test_a_budget_may_change_and_the_time_of_an_interrupted_run_counts(paced):
    open_run, clock, said = paced
    run = open_run("budget=1000s")
    pace = Pace(run, 0.0)
    with run.lock():
        clock.now = 100.0
        pace.step("features")
        clock.now = 150.0
        pace.stop()
    epochs = run.config.supernet.epochs
    clock.now = 5000.0
    again = open_run()
    assert (again.config.budget, again.config.supernet.epochs) == ("1000s", epochs)
    longer = open_run("budget=2000s")
    pace = Pace(longer, 5000.0)
    with longer.lock():
        pace.step("features")
    assert said[-1].startswith("Budget 2000s: 30m50s left")
    assert longer.config.supernet.epochs > epochs
    assert read_yaml(longer.paths.config)["budget"] == "2000s"


def test_a_budget_that_is_too_short_leaves_nothing(paced, tmp_path):
    open_run, _, _ = paced
    run = open_run("budget=10s")
    with pytest.raises(UsageError, match="too short"):
        run_all(run, 0.0)
    assert not run.paths.root.exists()
    longer = open_run("budget=1000s")  # the corrected call is a new run
    with longer.lock():
        assert longer.paths.config.exists()


@pytest.mark.slow
def test_a_run_by_trainings_keeps_its_budget(recordings, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(budget, "measure", lambda run: Work(0, 1000, 100, 0, 500, 2000))
    monkeypatch.setattr(budget, "SURE_SECONDS", 1e9)  # or it would fill three hours
    monkeypatch.setattr(Pace, "enough", lambda pace, generation: generation == 2)
    rank = {"epochs": 1, "batch_size": 8}
    search = {"judge": "training", "folds": 2, "population": 4, "generations": 5}
    retrain = {"members": 1, "calibrate": False, "epochs": 10}
    config = write_config(tmp_path / "tiny.yaml", search=search, rank=rank, retrain=retrain)
    run = RunFolder.open(
        config, recordings, {"data.workers": 1, "budget": "3h"}, tmp_path / "run",
        listener=Listener(on_message=said.append),
    )  # fmt: skip
    run_all(run, budget.time.monotonic())
    assert len(read_generations(run.paths.history)) <= 2
    settings = Budget.read(run.paths.budget).settings
    assert 2 < settings["search.generations"] <= 7
    assert not any(place.weights.exists() for place in run.supernets)
    assert any(text.startswith("Budget 3h: ") for text in said)


@pytest.mark.slow
def test_a_run_with_a_budget_goes_on_and_is_used_without_it(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "measure", lambda run: Work(1000, 1000, 100, 0, 500))
    monkeypatch.setattr(budget, "SURE_SECONDS", 1e9)  # or it would fill four hours
    config = write_config(tmp_path / "tiny.yaml", retrain={"members": 1}, baselines={})
    run = tmp_path / "run"
    arguments = [config, "--data", recordings, "--out", run, "--set", "data.workers=1"]

    def asc_nas(*parts):
        done = CliRunner().invoke(app, [str(part) for part in parts])
        assert done.exit_code == 0, done.exception
        return done

    asc_nas("run", *arguments, "--budget", "4h")
    settings = Budget.read(run / "budget.json").settings
    log = read_json(run / "supernet/log.json", "asc-nas/log/1")["epochs"]
    assert len(log) == settings["supernet.epochs"] == 6

    monkeypatch.setattr(budget, "measure", None)  # it is not measured again
    asc_nas("run", *arguments, "--resume")
    asc_nas("run", *arguments, "--budget", "2h", "--resume")
    assert RunFolder.open(run).config.supernet.epochs == 6
    asc_nas("export", run, "0")
