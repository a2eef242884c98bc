"""A run that searches the front end too: features, both judges, retraining, export, answers."""

import json
import re

import numpy as np
import pytest
from tiny import write_config

from asc_nas.core.errors import UsageError
from asc_nas.run.crossval import crossval
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.ship import ship
from asc_nas.runtime.classifier import Classifier
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow
FRONTENDS = [{}, {"hop_length": 320}, {"n_mels": 32, "sample_rate": 8000, "hop_length": 256}]
SPACE = {
    "frontends": FRONTENDS,
    "channels": [[4, 8, 12]],
    "stems": [[4, 8], [8, 8]],
    "heads": [0, 12],
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


@pytest.fixture(scope="module", params=["supernet", "training"])
def run(request, tmp_path_factory, recordings):
    folder = tmp_path_factory.mktemp(request.param)
    strategy = {"name": "surrogate", "first": 6} if request.param == "training" else "nsga2"
    config = write_config(
        folder / "tiny.yaml",
        data={"workers": 1},
        space=SPACE,
        search={"judge": request.param, "population": 4, "generations": 2, "strategy": strategy},
        rank={"networks": 4, "epochs": 1, "repeats": 1, "batch_size": 8},
        retrain={"members": 1, "epochs": 2},
        baselines={},
    )
    run = Run.open(config, recordings, out=folder / "run")
    run.run()
    return run


def test_every_front_end_has_features_of_its_own(run):
    folders = sorted(path.name for path in run.paths.root.glob("features*"))
    assert len(folders) == 3
    for frontend in run.config.frontends():
        examples = run.examples("train", frontend=frontend)
        assert examples.batch(np.array([0]))[0].shape[2:] == frontend.size
        assert examples.clip_keys == run.examples("train").clip_keys


def test_members_cost_what_they_hear(run):
    members = json.loads(run.paths.pareto.read_text())["members"]
    assert all(Genotype.parse(member["genotype"]).shape for member in members)
    genotype = Genotype.parse(members[0]["genotype"])
    heard = [
        genotype.shaped(*shape) for shape in run.config.search_space().inputs if shape != ((),)
    ]
    assert len({run.cost(other).macs for other in heard}) == 3


@pytest.mark.parametrize("heard", range(3))
def test_the_model_hears_through_the_front_end_that_its_genotype_chose(run, heard):
    space = run.config.search_space()
    genotype = space.largest().shaped(*space.inputs[heard])
    frontend = run.frontend(genotype)
    assert frontend == run.config.frontends()[heard]
    network = str(genotype)
    (result,) = run.train(network)
    (model,) = run.export(network)
    assert model.card.frontend == frontend
    assert model.card.genotype == network
    own = run.evaluate(network).evaluation.scores.accuracy
    assert run.evaluate(str(model.file)).evaluation.scores.accuracy == own == result.accuracy
    clip = run.manifest.audio_path(run.manifest.with_role("test")[0])
    assert Classifier.load(model.file).classify(clip).label in run.manifest.labels


def test_the_report_and_the_int8_model_know_the_shape(run):
    genotype = run.config.search_space().largest()
    (result,) = run.train(str(genotype))
    _, int8 = run.export(str(genotype), targets=["int8"])
    assert int8.card.frontend == run.frontend(genotype)
    assert int8.card.genotype == result.genotype == str(genotype)
    page = next(path for path in run.report() if path.suffix == ".html").read_text()
    assert str(genotype) in page


def test_a_ranking_trains_each_on_what_it_hears(run):
    if run.config.search.judge == "training":
        pytest.skip("there is no supernet to rank")
    heard = {Genotype.parse(n.genotype).genes[0] for n in run.rank().networks}
    assert len(heard) > 1


def test_a_front_end_that_the_run_lacks_is_told(run, recordings):
    network = str(run.config.search_space().largest()).replace("-20", "-21").replace("-32", "-21")
    with pytest.raises(UsageError, match=r"21 bands; give a new run --set") as told:
        run.train(network)
    again = re.search(r"--set '(.*)'", str(told.value))[1]
    other = Run.open(run.config.model_dump(mode="json"), recordings, [again])
    assert find_network(other, network).genotype == Genotype.parse(network)


def test_a_front_end_that_a_baseline_lacks_is_told_before_anything_is_made(tmp_path, recordings):
    hears = "input:16000-320-320-21 f3e2w1 f3e2w1"
    config = write_config(tmp_path / "tiny.yaml", baselines={"fine": {"network": hears}})
    run = Run.open(config, recordings, out=tmp_path / "run")
    with pytest.raises(UsageError, match="makes no features of 16000 Hz, a window of 320"):
        run.begin(search=True)
    with pytest.raises(UsageError, match="makes no features of 16000 Hz, a window of 320"):
        crossval(config, recordings, out=tmp_path / "folds", networks=["fine"])
    assert not (tmp_path / "folds").exists()


def test_folds_and_the_shipped_model_share_the_features_of_all_front_ends(tmp_path, recordings):
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        space=SPACE,
        retrain={"epochs": 1},
        baselines={},
    )
    network = "input:8000-640-256-32 stem:4-8 stage1:8 head:0 t3e3w1 t3e3w1"
    place = tmp_path / "crossval"
    crossval(config, recordings, out=place, networks=[network])
    model = ship(place, network)[0]
    for folder in ("fold-1", "fold-4", "all"):
        links = sorted(path for path in (place / folder).glob("features*"))
        assert len(links) == 3
        assert all(link.is_symlink() for link in links)
    assert model.card.frontend.sample_rate == 8000


def test_teachers_that_cannot_hear_alike_are_refused_before_anything_is_made(tmp_path, recordings):
    config = write_config(tmp_path / "tiny.yaml", space=SPACE)
    teacher = "retrain.teacher={kernels: [t3], members: 1}"
    with pytest.raises(UsageError, match="teachers hear what their students hear"):
        Run.open(config, recordings, [teacher], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
