"""What integers of 8 bits cost a network, and what quantisation-aware training gives back.

python studies/quantisation_aware.py ESC-10 --out DIR [--config configs/esc10_device.yaml]
    [--network "f3+t3e1w1"] [--folds 1 2 3 4] [--seeds 0 1 2] [--shares 0 0.1 0.3]
    [--set retrain.epochs=100] [--workers 2]

One fixed network (a single gene stands for all blocks) is trained on three folds by the recipe of
the config, with every share of `retrain.qat_share`; the number of epochs is the same. It is
exported as ONNX, made into integers, and both answer the test clips of the fourth. A finished
training is kept in DIR under the settings: a second call goes on, and prints the whole table.

Columns, means over folds and seeds: accuracy of the float network and of its integers; decisions
that both share, in all; log loss of both; the mean difference of their logits, as a share of the
float logits' standard deviation; the same between the integers and the network as it was trained
(for a share above 0); and the seconds of a training. Second table: differences of the integers
from the share that stands first, paired by fold and seed, with standard errors.
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from progress import say
from recipe import genotype_of

from asc_nas.core.files import fingerprint, read_json, write_json
from asc_nas.core.workers import run_jobs
from asc_nas.data.examples import Examples
from asc_nas.evaluation.temperature import ClipLogits
from asc_nas.export.integer.fake_quantised import FakeQuantised
from asc_nas.export.integer.folded import read_folded
from asc_nas.export.integer.network import feature_integers
from asc_nas.export.integer.quantise import integer_networks
from asc_nas.export.onnx import export_onnx
from asc_nas.export.quantize import CLIPS
from asc_nas.export.targets import spread
from asc_nas.export.targets.int8 import exported_logits
from asc_nas.nn.subnet import SubNet
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import train
from asc_nas.run.opening import read_settings
from asc_nas.run.preparation import prepare
from asc_nas.run.teachers import taught_recipe

FORMAT = "asc-nas/quantisation-aware/1"
MEASURES = {
    "float": "accuracy_float",
    "integers": "accuracy",
    "log loss": "log_loss_float",
    "integers'": "log_loss",
    "error": "error",
    "training's": "error_of_training",
    "s": "seconds",
}
PAIRED = ("accuracy", "log_loss", "agreement", "error", "accuracy_float", "log_loss_float")


@dataclass(frozen=True)
class Training:
    """One training: the run that has the features, the settings, and where its result goes."""

    run: Path
    settings: tuple[str, ...]
    genotype: str
    seed: int
    result: Path

    def __str__(self) -> str:
        return self.result.stem


def measure(job: Training) -> None:
    run = RunFolder.open(job.run)
    run.config = read_settings(job.run, None, job.settings)
    genotype = genotype_of(job.genotype, run.config)
    recipe = taught_recipe(run, run.config.retrain.roles, step="")
    state, model = (job.result.with_suffix(suffix) for suffix in (".safetensors", ".onnx"))
    start = time.monotonic()
    network, _ = train(run, genotype, job.seed, recipe, state, job.result.stem)
    seconds = time.monotonic() - start
    heard, test = run.examples("train"), run.examples("test")
    export_onnx(network, run.config.frontend, spread(test, 16), model)
    found = compared(network, model, heard, test)
    write_json(job.result, {"format": FORMAT, "seconds": seconds, **found})
    state.unlink()


def compared(
    network: SubNet, model: Path, heard: Examples, test: Examples
) -> dict[str, float | int]:
    """Return how an exported network and its integers answer the test clips."""
    clips = spread(heard, CLIPS)
    (integers,) = integer_networks(model, read_folded(model, test.frontend.size), clips)
    mel = test.batch(np.arange(len(test)))[0]
    own = integers.last.target.values(integers.logits(feature_integers(mel[:, 0].numpy())))
    trained = FakeQuantised(network)
    trained.observe(clips)
    with torch.inference_mode():
        seen = trained(mel).numpy()
    exact = exported_logits(model, test)
    answers = exact, ClipLogits(own, exact.clips, exact.targets)
    decided = [answer.posteriors(1.0).argmax(1) for answer in answers]
    spread_of_logits = exact.logits.std()
    return {
        "clips": len(exact.targets),
        "accuracy_float": float((decided[0] == exact.targets).mean()),
        "accuracy": float((decided[1] == exact.targets).mean()),
        "agreement": float((decided[0] == decided[1]).mean()),
        "log_loss_float": answers[0].log_loss(1.0),
        "log_loss": answers[1].log_loss(1.0),
        "error": float(np.abs(own - exact.logits).mean() / spread_of_logits),
        "error_of_training": float(np.abs(own - seen).mean() / spread_of_logits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/esc10_device.yaml"))
    parser.add_argument("--network", default="f3+t3e1w1")
    parser.add_argument("--folds", nargs="+", default=["1", "2", "3", "4"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--shares", nargs="+", type=float, default=[0, 0.1, 0.3])
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    trainings = {
        (share, fold, seed): training_of(arguments, share, fold, seed)
        for seed in arguments.seeds
        for fold in arguments.folds
        for share in arguments.shares
    }
    missing = [job for job in trainings.values() if not job.result.exists()]
    run_jobs(measure, missing, arguments.workers, say)
    print_tables({key: read_json(job.result, FORMAT) for key, job in trainings.items()})


def training_of(arguments: argparse.Namespace, share: float, fold: str, seed: int) -> Training:
    """Return the job of one training; the features of its fold are made if they are missing."""
    root = arguments.out / f"fold{fold}"
    if not (root / "features" / "index.json").exists():
        settings = [f"data.test_folds=[{fold}]"]
        run = RunFolder.open(arguments.config, arguments.data, settings, root)
        with run.lock():
            prepare(run)
    settings = (*arguments.settings, f"retrain.qat_share={share}")
    own = fingerprint([arguments.network, sorted(settings)])[:8]
    name = f"share{share:g}-fold{fold}-seed{seed}-{own}.json"
    return Training(root, settings, arguments.network, seed, arguments.out / "results" / name)


def print_tables(results: dict[tuple[float, str, int], dict]) -> None:
    shares = list(dict.fromkeys(share for share, _, _ in results))
    print(f"{'share':<8}" + "".join(f"{name:>12}" for name in MEASURES) + f"{'alike':>14}")
    for share in shares:
        mine = [result for (own, _, _), result in results.items() if own == share]
        means = [statistics.mean(result[key] for result in mine) for key in MEASURES.values()]
        clips = sum(result["clips"] for result in mine)
        alike = sum(round(result["agreement"] * result["clips"]) for result in mine)
        print(f"{share:<8g}" + "".join(f"{mean:>12.4f}" for mean in means), end="")
        print(f"{f'{alike} of {clips}':>14}")
    print(f"\n{'share':<8}" + "".join(f"{name:>22}" for name in PAIRED))
    for share in shares[1:]:
        print(f"{share:<8g}", end="")
        for name in PAIRED:
            pairs = [
                result[name] - results[shares[0], fold, seed][name]
                for (own, fold, seed), result in results.items()
                if own == share
            ]
            error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else 0.0
            print(f"{f'{statistics.mean(pairs):+.4f} +- {error:.4f}':>22}", end="")
        print()
    print(f"\n{len(results)} trainings; differences are against share {shares[0]:g}")


if __name__ == "__main__":
    main()
