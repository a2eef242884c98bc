"""What a run directory holds: genotypes, Pareto sets, results and other documents."""

import json
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from tiny import TINY

from fuzz.case import Case, Kind, load
from fuzz.mutators import TOKENS, as_json, mutated_data, mutated_text

GENOTYPES = ("t3e1.5w1 f3e1.5w1", "f3e1.5w1 f3+t3e1.5w1", "f3+t3e3w1 f3+t3e3w1")
LABELS = ("a", "b")
PARTS = (
    *("t3", "f3", "s3", "t4", "t0", "t1", "t99999999999", "t" + "9" * 5000),
    *("e", "e1", "e0", "e1e9"),
    *("e999999999999", "e" + "9" * 400, "w1", "w0", "w0.0000001", "w2", "+", "+t3"),
    *("skip", " ", "²"),
)


def result(name: str, genotype: str) -> dict[str, Any]:
    """Return the result of a network as a run keeps it."""
    return {
        "format": "asc-nas/result/1", "network": name, "genotype": genotype, "accuracy": 0.75,
        "macro_f1": 0.7, "log_loss": 0.6, "per_class": {"a": 0.8, "b": 0.6},
        "confusion": [[2, 0], [1, 1]], "labels": ["a", "b"], "macs": 1000, "params": 100,
        "seed": 0, "data": "made up", "trained_on": ["train"], "test_clips": 4,
        "decided": [0, 0, 0, 1], "epochs": [{"epoch": 1, "loss": 1.0}],
    }  # fmt: skip


def pareto() -> dict[str, Any]:
    """Return the Pareto set of the run."""
    members = [
        {"id": i, "genotype": text, "macro_f1": 0.3 + 0.1 * i, "log_loss": 1.0, "macs": 1000 + i,
         "params": 100, "latency_ms": None}
        for i, text in enumerate(GENOTYPES)
    ]  # fmt: skip
    return {"format": "asc-nas/pareto/1", "members": members}


DOCUMENTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "result.json": ("asc_nas.evaluation.result", "Result", result("0", GENOTYPES[0])),
    "pareto.json": ("asc_nas.search.pareto", "ParetoSet", pareto()),
    "budget.json": (
        *("asc_nas.run.folder", "Budget"),
        {"format": "asc-nas/budget/1", "seconds": 1.0, "work": {"a": 1.0}, "settings": {"x": 1}},
    ),
    "log.json": (
        *("asc_nas.training.supernet_trainer", "TrainingLog"),
        {"format": "asc-nas/training-log/1", "epochs": [{"epoch": 1, "loss": 1.0}]},
    ),
    "latency.json": (
        *("asc_nas.cost.latency", "LatencyTable"),
        {
            "format": "asc-nas/latency/2", "runtime": "onnxruntime 1", "threads": 1,
            "overhead_ms": 0.1,
            "device": {"name": "x", "machine": "m", "system": "s", "cores": 2},
            "layers": {"conv": 1.0},
            "networks": [{"genotype": "skip", "layers": ["conv"], "ms": 1.0}],
        },
    ),
    "kit.json": (
        *("asc_nas.export.firmware.kit", "Kit"),
        {
            "format": "asc-nas/kit/1", "name": "made", "labels": ["a", "b"], "float_sha256": "0",
            "networks": 1, "mels": 4, "frames": 5, "samples": 100, "seconds": 0.1,
            "ram_bytes": 1000, "network_bytes": 100, "golden_labels": [0, 1],
        },
    ),
}  # fmt: skip


def write_run(folder: Path) -> None:
    """Write a run whose parts are made up: nothing is trained."""
    from asc_nas.core.files import write_json
    from asc_nas.data.manifest import ROLES, Clip, Manifest
    from asc_nas.run.config import RunConfig
    from asc_nas.run.opening import config_text
    from asc_nas.run.paths import RunPaths
    from asc_nas.search.history import write_history
    from asc_nas.search.objectives import Evaluation
    from asc_nas.space.genotype import Genotype

    paths = RunPaths(folder / "run")
    paths.root.mkdir(parents=True)
    paths.config.write_text(config_text(RunConfig.parse(TINY, "made")))
    clips = [Clip(f"{n}.wav", LABELS[n % 2], role=ROLES[n // 4]) for n in range(12)]
    Manifest("made up", folder, LABELS, tuple(clips)).write(paths.manifest)
    found = [
        Evaluation(Genotype.parse(text), 0.3 + 0.1 * i, 0.5, 1.0, 1000 + i, 100)
        for i, text in enumerate(GENOTYPES)
    ]
    write_history(paths.history, [found], {})
    write_json(paths.pareto, pareto())
    write_json(paths.retrain("0") / "result.json", result("0", GENOTYPES[0]))


@lru_cache
def _config() -> str:
    return yaml.safe_dump(TINY)


def _genotype(rng: Random) -> str:
    if rng.random() < 0.5:
        return "".join(rng.choice(PARTS) for _ in range(rng.choice((1, 2, 4, 8))))
    text = list(rng.choice(GENOTYPES))
    for _ in range(rng.choice((1, 2))):
        text[rng.randrange(len(text))] = rng.choice((*TOKENS, *PARTS))
    return "".join(text)


def _of_genotype(rng: Random) -> Case:
    text = _genotype(rng)
    if rng.random() < 0.5:
        told = text.replace("\0", "").encode("utf-8", "replace").decode()
        command = rng.choice(("export", "evaluate"))
        return Case("argument", ("asc-nas", command, "run", f"{told}" or " "), {}, "run")
    path, values = "run/search/pareto.json", pareto()
    place = rng.randrange(len(values["members"]))
    values["members"][place]["genotype"] = text
    return Case("in the Pareto set", _read(rng), {path: as_json(values)}, "run")


def _read(rng: Random) -> tuple[str, ...]:
    if rng.random() < 0.15:
        return ("asc-nas", "report", "run", "--mistakes", "0", "--out", "out/report")
    return ("asc-nas", rng.choice(("export", "evaluate")), "run", rng.choice("012"))


def _document(name: str, rng: Random) -> tuple[str, bytes]:
    values = DOCUMENTS[name][2]
    if rng.random() < 0.25:
        return mutated_text(json.dumps(values, indent=1), rng)
    made, changed = mutated_data(values, rng)
    return made, as_json(changed)


def _of_pareto(rng: Random) -> Case:
    made, content = _document("pareto.json", rng)
    return Case(made, _read(rng), {"run/search/pareto.json": content}, "run")


def _of_result(rng: Random) -> Case:
    if rng.random() < 0.5:
        name = rng.choice(sorted(DOCUMENTS))
        made, content = _document(name, rng)
        return Case(f"{name} {made}", ("document", *DOCUMENTS[name][:2], name), {name: content})
    made, content = _document("result.json", rng)
    return Case(made, _read(rng), {"run/retrain/0/result.json": content}, "run")


def _of_kit(rng: Random) -> Case:
    """A kit without its sources, so nothing of it is compiled, however good its document is."""
    made, content = _document("kit.json", rng)
    sizes = {"samples.i16": 400, "log_mel.i16": 80, "logits.i8": rng.choice((4, 4, 3, 0))}
    files = {f"kit/golden/{name}": rng.randbytes(size) for name, size in sizes.items()}
    call = ("asc-nas", "verify", "kit", "--chip", "pc")
    return Case(made, call, {"kit/kit.json": content} | files)


def _prepare() -> None:
    load("asc_nas.run.run", "asc_nas.run.scoring")


KINDS = (
    Kind("genotype", _of_genotype, _prepare),
    Kind("pareto", _of_pareto, _prepare),
    Kind("result", _of_result, _prepare),
    Kind("kit", _of_kit, lambda: load("asc_nas.export.firmware.verify")),
)
