"""Hand-made networks trained exactly as `asc-nas train` trains ours, on every fold of ESC-10.

python studies/peers.py --data ESC-10 --out DIR [PEER ...] [--config configs/nasc.yaml]
    [--folds 1 2 3 4] [--seeds 0] [--set retrain.epochs=200 ...] [--workers 2]

PEER is a name of `PEERS` (without one, all), a baseline of the config, or a genotype in its
skeleton. Each is trained on the other folds by the recipe of the config (`retrain`), its input
normalised per mel, and tested on its fold with the last epoch's weights. A finished training is
kept in DIR, an unfinished one goes on: a second call trains what is missing and prints the table.

Columns: multiply-accumulates (of convolutions and linear layers) and parameters; accuracy of each
fold, mean over seeds; mean and standard deviation of these; macro-F1, likewise; milliseconds of
one clip, exported to onnxruntime, one thread, peers by turns (random weights: they do not change
the time).
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import read_json, write_json
from asc_nas.core.randomness import derived_seed
from asc_nas.core.workers import run_jobs
from asc_nas.data.examples import Examples
from asc_nas.export.onnx import export_onnx
from asc_nas.run.folder import RunFolder
from asc_nas.run.preparation import prepare
from asc_nas.run.teachers import teacher_of
from asc_nas.training.network_trainer import fit_network, score_network
from asc_nas.training.trainer import Progress, Teacher, TrainConfig

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
import timing
from exported_network import clip, exported
from peer_networks import PEERS, build, file_name, macs

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
    context = RunFolder.open(job.run)
    config = context.config.retrain
    network = build(job.peer, context, job.seed)
    state_file = job.result.with_suffix(".safetensors")
    examples, teacher = context.examples(*config.roles), teacher_of(context, config.roles)
    start = time.monotonic()
    fit_peer(network, examples, config, job.seed, state_file, teacher)
    seconds = time.monotonic() - start
    scores = asdict(score_network(network, context.examples("test")))
    write_json(job.result, {"format": FORMAT, **scores, "seconds": seconds})
    state_file.unlink(missing_ok=True)


def fit_peer(
    network: nn.Module,
    examples: Examples,
    config: TrainConfig,
    seed: int,
    state_file: Path,
    teacher: Teacher | None = None,
    progress: Progress | None = None,
) -> None:
    """Train as `asc-nas train` does; dropout draws by seed and epoch, so that a rest is the same.

    Dropout knows PyTorch's global generator only, which is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        fit_network(
            network,
            examples,
            config,
            seed=seed,
            state_file=state_file,
            teacher=teacher,
            before_epoch=lambda epoch: torch.manual_seed(derived_seed(seed, "dropout", epoch)),
            progress=progress,
        )


def latencies(peers: list[str], context: RunFolder, repeats: int, clock: str) -> dict[str, float]:
    """Return the milliseconds of one clip, the median over turns."""
    frontend = context.config.frontend
    x = clip(frontend)
    mean, std = torch.full((frontend.n_mels,), -50.0), torch.full((frontend.n_mels,), 10.0)
    sessions = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer in peers:
            network = build(peer, context, 0)
            network.input_norm.set_statistics(mean, std)
            target = Path(folder) / "peer.onnx"
            export_onnx(network, frontend, x[0], target)
            sessions[peer] = exported(target.read_bytes(), x)
    times = timing.by_turns(sessions, repeats, clock)
    return {peer: 1e3 * statistics.median(seconds) for peer, seconds in times.items()}


def print_table(
    results: dict[tuple[str, str, int], dict], context: RunFolder, milliseconds: dict[str, float]
) -> None:
    folds = list(dict.fromkeys(fold for _, fold, _ in results))
    width = max(map(len, milliseconds))
    print(f"{'peer':<{width}}{'M MACs':>8}{'params':>9}", end="")
    print("".join(f"{'fold ' + fold:>8}" for fold in folds), end="")
    print(f"{'mean':>8}{'+-':>7}{'F1':>8}{'+-':>7}{'ms':>8}")
    for peer, ms in milliseconds.items():
        network = build(peer, context, 0)
        million = macs(network, context.input_size) / 1e6
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


def say(done: int, of: int, text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {done}/{of} {text}", flush=True)


def compare(arguments: argparse.Namespace) -> None:
    """Train what is missing and print the table."""
    peers = arguments.peers or list(PEERS)
    trainings = {}
    for fold in arguments.folds:
        root = arguments.out / f"fold{fold}"
        settings = [*arguments.settings, f"data.test_folds=[{fold}]"]
        run = RunFolder.open(arguments.config, arguments.data, settings, root)
        prepare(run)
        context = run
        for peer in peers:
            for seed in arguments.seeds:
                name = f"{file_name(peer, context)}-fold{fold}-seed{seed}"
                result = arguments.out / "results" / f"{name}.json"
                trainings[peer, fold, seed] = Training(root, peer, seed, result)
    missing = [job for job in trainings.values() if not job.result.exists()]
    run_jobs(train, missing, arguments.workers, say)
    results = {key: read_json(job.result, FORMAT) for key, job in trainings.items()}
    milliseconds = latencies(peers, context, arguments.repeats, arguments.clock)
    print_table(results, context, milliseconds)


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
    timing.add_options(parser, repeats=300)
    arguments = parser.parse_args()
    timing.restart_with_threads(1)
    torch.set_num_threads(1)
    try:
        compare(arguments)
    except AscNasError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
