"""Hand-made networks trained exactly as `asc-nas train` trains ours, on every fold of ESC-10.

python studies/peers.py --data ESC-10 --out DIR [PEER ...] [--config configs/nasc.yaml]
    [--folds 1 2 3 4] [--seeds 0] [--set retrain.epochs=200 ...] [--workers 2]

PEER is a name of `PEERS` (without one, all), a baseline of the config, or a genotype in its
skeleton. Each is trained on the other folds by the recipe of the config (`retrain`), its input
normalised per mel, and tested on its fold with the last epoch's weights. A finished training is
kept in DIR, an unfinished one goes on: a second call trains what is missing and prints the table.

Columns: multiply-accumulates (of convolutions and linear layers) and parameters; accuracy of each
fold, mean over seeds; mean and standard deviation of these; macro-F1, likewise; milliseconds of
one clip, exported to onnxruntime, one thread, in several passes over all peers (random weights:
they do not change the time).
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peer_networks import PEERS, build, file_name, macs
from progress import say
from torch import nn

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import read_json, write_json
from asc_nas.core.randomness import derived_seed
from asc_nas.core.workers import run_jobs
from asc_nas.data.examples import Examples
from asc_nas.export.latency_measure import measure_models
from asc_nas.export.onnx import export_onnx
from asc_nas.run.folder import RunFolder
from asc_nas.run.preparation import prepare
from asc_nas.run.teachers import taught_recipe
from asc_nas.training.network_trainer import fit_network, score_network
from asc_nas.training.trainer import Trainer

FORMAT = "asc-nas/peer/1"


@dataclass(frozen=True)
class Training:
    """One training: the run that has the features and settings, and where the result goes."""

    run: Path
    peer: str
    seed: int
    result: Path

    def __str__(self) -> str:
        return self.result.stem


def train(job: Training) -> None:
    run = RunFolder.open(job.run)
    network = build(job.peer, run, job.seed)
    state = job.result.with_suffix(".safetensors")
    recipe = taught_recipe(run, run.config.retrain.roles)
    trainer = Trainer(recipe.settings, job.seed, state, teacher=recipe.teacher)
    start = time.monotonic()
    fit_peer(network, run.examples(*recipe.roles), trainer)
    seconds = time.monotonic() - start
    scores = asdict(score_network(network, run.examples("test")))
    write_json(job.result, {"format": FORMAT, **scores, "seconds": seconds})
    state.unlink(missing_ok=True)


def fit_peer(network: nn.Module, examples: Examples, trainer: Trainer) -> None:
    """Train as `asc-nas train` does; dropout draws by seed and epoch, so that a rest is the same.

    Dropout knows PyTorch's global generator only, which is left as it was.
    """

    def before_epoch(epoch: int) -> None:
        torch.manual_seed(derived_seed(trainer.seed, "dropout", epoch))

    hooks = replace(trainer.hooks, before_epoch=before_epoch)
    with torch.random.fork_rng(devices=[]):
        fit_network(network, examples, replace(trainer, hooks=hooks))


def latencies(peers: list[str], run: RunFolder) -> dict[str, float]:
    """Return the milliseconds of one clip."""
    x = np.random.default_rng(0).normal(0, 1, (1, *run.config.frontend.size)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.onnx" for number in range(len(peers))]
        for peer, file in zip(peers, files, strict=True):
            export_onnx(build(peer, run, 0).eval(), run.config.frontend, x, file)
        found = measure_models(files, Path(folder) / "state.json")
    return dict(zip(peers, found, strict=True))


def print_table(
    results: dict[tuple[str, str, int], dict], run: RunFolder, milliseconds: dict[str, float]
) -> None:
    folds = list(dict.fromkeys(fold for _, fold, _ in results))
    width = max(map(len, milliseconds))
    print(f"{'peer':<{width}}{'M MACs':>8}{'params':>9}", end="")
    print("".join(f"{'fold ' + fold:>8}" for fold in folds), end="")
    print(f"{'mean':>8}{'+-':>7}{'F1':>8}{'+-':>7}{'ms':>8}")
    for peer, ms in milliseconds.items():
        network = build(peer, run, 0)
        million = macs(network, run.config.frontend.size) / 1e6
        params = sum(weight.numel() for weight in network.parameters())
        accuracy, macro_f1 = (
            [
                statistics.mean(
                    r[name] for (p, f, _), r in results.items() if (p, f) == (peer, fold)
                )
                for fold in folds
            ]
            for name in ("accuracy", "macro_f1")
        )
        print(f"{peer:<{width}}{million:>8.2f}{params:>9,}", end="")
        print("".join(f"{value:>8.3f}" for value in accuracy), end="")
        for values in (accuracy, macro_f1):
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            print(f"{statistics.mean(values):>8.4f}{spread:>7.4f}", end="")
        print(f"{ms:>8.3f}")
    print(f"{len(results)} trainings; +- is the standard deviation over folds")


def compare(arguments: argparse.Namespace) -> None:
    """Train what is missing and print the table."""
    peers = arguments.peers or list(PEERS)
    trainings = {}
    for fold in arguments.folds:
        root = arguments.out / f"fold{fold}"
        settings = [*arguments.settings, f"data.test_folds=[{fold}]"]
        run = RunFolder.open(arguments.config, arguments.data, settings, root)
        with run.lock():
            prepare(run)
        for peer in peers:
            for seed in arguments.seeds:
                name = f"{file_name(peer, run)}-fold{fold}-seed{seed}"
                result = arguments.out / "results" / f"{name}.json"
                trainings[peer, fold, seed] = Training(root, peer, seed, result)
    missing = [job for job in trainings.values() if not job.result.exists()]
    run_jobs(train, missing, arguments.workers, say)
    results = {key: read_json(job.result, FORMAT) for key, job in trainings.items()}
    print_table(results, run, latencies(peers, run))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/nasc.yaml"))
    parser.add_argument("--folds", nargs="+", default=["1", "2", "3", "4"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        compare(arguments)
    except AscNasError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
