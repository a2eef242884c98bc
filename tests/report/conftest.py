"""A run as files alone: nothing is trained, every number is made up, some names are hostile."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import yaml
from tiny import TINY

from asc_nas.cli.main import main
from asc_nas.data.manifest import ROLES, Clip, Manifest
from asc_nas.evaluation.intervals import Intervals
from asc_nas.evaluation.result import LoggedEpoch, Result
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.paths import RunPaths
from asc_nas.search.history import write_history
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Evaluation
from asc_nas.search.pareto import ParetoSet, pareto_set
from asc_nas.search.ranking import (
    Agreement,
    PredictorAgreement,
    RankedNetwork,
    Ranking,
    StandaloneScores,
)
from asc_nas.search.shrinking_log import ShrinkingEvent, Verdict, write_events
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import new_network
from asc_nas.training.supernet_trainer import TrainingLog
from data_prep.checks import check
from data_prep.extraction import extract

HOSTILE = "</script><script>document.title = 'attacked'</script>"
LABELS = ("quiet & calm", HOSTILE, "50 % loud_ly")
DOMINATED = "t3e3w1 f3e3w1"
GENOTYPES = (
    "t3e1.5w1 f3e1.5w1",
    "f3e1.5w1 f3+t3e1.5w1",
    "f3+t3e1.5w1 f3e3w1",
    "f3+t3e3w1 f3+t3e3w1",
)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """A finished run in every part: its folder, settings and clips, and a way to add a result."""
    folder = tmp_path_factory.mktemp("report")
    values = TINY | {"shrinking": {"at": [5], "keep": 2}, "name": "whole"}
    values["supernet"] = TINY["supernet"] | {"epochs": 8}
    config = RunConfig.parse(values, "whole")
    run = RunFolder(config, RunPaths(folder / "run"))
    run.paths.root.mkdir()
    run.paths.config.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    _write_data(run, folder / "audio")
    _write_search(run)
    for name, genotype, seed in (
        ("0", GENOTYPES[0], 0),
        ("0", GENOTYPES[0], 1),
        ("baseline", str(config.baselines["baseline"].genotype(2)), 0),
    ):
        _write_result(run, name, genotype, seed)
    _write_ranking(run)
    return SimpleNamespace(
        folder=run.paths.root,
        audio=folder / "audio",
        config=config,
        manifest=run.manifest,
        write_result=_write_result,
    )


@pytest.fixture(scope="session")
def whole_report(whole_run, tmp_path_factory):
    """The report of that run: its folder, and the run's files before and after."""

    def state():
        return {file: file.stat().st_mtime_ns for file in whole_run.folder.rglob("*")}

    folder, before = tmp_path_factory.mktemp("written"), state()
    with pytest.raises(SystemExit) as done:
        main(["report", str(whole_run.folder), "--out", str(folder)])
    assert done.value.code == 0
    return SimpleNamespace(folder=folder, run_before=before, run_after=state())


@pytest.fixture
def a_copy(whole_run, tmp_path):
    """The whole run, to be broken."""
    return shutil.copytree(whole_run.folder, tmp_path / "run")


def _write_data(run, audio):
    audio.mkdir()
    rng = np.random.default_rng(0)
    clips = []
    for number in range(18):
        path = audio / f"{number:02}.wav"
        soundfile.write(path, rng.uniform(-0.4, 0.4, 16000), 16000)
        role = ROLES[number // 6]
        clips.append(Clip(path.name, LABELS[number % 3], "4", f"<b>{number}</b>", "mic", role=role))
    manifest = Manifest("made up", audio, LABELS, tuple(clips), "none")
    manifest.write(run.paths.manifest)
    extract(manifest, run.config.frontend, run.paths.features, workers=1)
    check(manifest, workers=1).write(run.paths.check)


def _write_search(run):
    paths = run.paths
    evaluations = []
    for number, text in enumerate((*GENOTYPES, DOMINATED)):
        cost = run.cost(Genotype.parse(text))
        score = 0.1 if text == DOMINATED else 0.3 + 0.1 * number
        others = 0.7 - 0.1 * number, 1 + 0.1 * number  # accuracy, log loss: best first
        scores = dict(zip(("macro_f1", "accuracy", "log_loss"), (score, *others), strict=True))
        evaluations.append(Evaluation.of(Genotype.parse(text), cost, scores))
    write_history(paths.history, [evaluations[:2], evaluations[1:3], evaluations[3:]], {})
    ParetoSet.of(pareto_set(evaluations, DEFAULT_OBJECTIVES)).write(paths.pareto)
    epochs = [LoggedEpoch(epoch=epoch, loss=2 / epoch) for epoch in range(1, 9)]
    TrainingLog(epochs=epochs).write(run.supernets[0].log)
    verdict = Verdict(
        block=0, candidate="t3e1.5w1", score=0.5, samples=4, rank=1, protected=True, kept=True
    )
    verdicts = (
        verdict,
        verdict.model_copy(
            update={"candidate": "t3e3w1", "rank": 2, "protected": False, "kept": False}
        ),
        verdict.model_copy(update={"block": 1}),
    )
    write_events(paths.shrinking, run.config.shrinking, [ShrinkingEvent.of(5, verdicts)])


def _write_result(run, name, genotype, seed):
    spec = run.spec(Genotype.parse(genotype))
    cost = run.cost(Genotype.parse(genotype))
    folder = run.paths.retrain(name if seed == 0 else f"{name}-seed{seed}")
    Result(
        network=name,
        genotype=genotype,
        accuracy=0.75 + 0.1 * seed,
        macro_f1=0.7 + 0.1 * seed,
        log_loss=0.6,
        per_class=dict(zip(LABELS, (0.8, 0.7, 0.6), strict=True)),
        confusion=[[2, 0, 0], [1, 1, 0], [0, 0, 2]],
        labels=list(LABELS),
        intervals=Intervals(
            groups=3, accuracy=(0.5, 0.9), macro_f1=(0.4, 0.8), log_loss=(0.3, 0.9)
        ),
        macs=cost.macs,
        params=cost.params,
        ram_bytes=cost.ram_bytes,
        seed=seed,
        data="made up",
        trained_on=["train", "search_val"],
        test_clips=6,
        decided=[0, 0, 0, 1, 2, 2] if name == "baseline" else [0, 0, 1, 1, 2, 2],
        epochs=[LoggedEpoch(epoch=1, loss=1.0), LoggedEpoch(epoch=2, loss=0.5)],
    ).write(folder / "result.json")
    checkpoint.save(folder / "model.safetensors", new_network(spec, seed), {})


def _write_ranking(run):
    found = Agreement(tau=0.5, low=0.2, high=0.8)
    networks = [
        RankedNetwork(
            genotype=text,
            macs=1000 * (i + 1),
            params=100 * (i + 1),
            macro_f1=0.3 + 0.1 * i,
            log_loss=1.0,
            macro_f1_as_trained=0.1,
            log_loss_as_trained=2.0,
            standalone=[
                StandaloneScores(macro_f1=score + 0.1 * i, log_loss=1.0) for score in (0.5, 0.6)
            ],
            standalone_macro_f1=0.55 + 0.1 * i,
            standalone_log_loss=1.0,
        )
        for i, text in enumerate(GENOTYPES)
    ]
    agreement = PredictorAgreement(predictor="macro_f1", macro_f1=found, log_loss=found, regret=0.1)
    Ranking(
        data="made up", repeats=2, agreement=[agreement], between_seeds=None, networks=networks
    ).write(run.paths.rank)
