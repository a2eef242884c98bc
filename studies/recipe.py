"""What each part of the training recipe gives: one factor at a time, on every fold of ESC-10.

python studies/recipe.py ESC-10 --out DIR [FACTOR ...] [--config configs/nasc.yaml]
    [--folds 1 2 3 4] [--seeds 0 1 2] [--network "f3+t3e1w1"] [--set retrain.epochs=100]
    [--thin 4] [--peak] [--workers 2]

A factor is a name of `FACTORS` or of several joined by "+"; without one, all are trained. Every
training is of one fixed network (a single gene stands for all blocks), on three folds, by the
recipe of the config with the factor's settings, and is tested on the fourth with its last weights.
With --thin N every other class keeps one training clip of N, so that "balanced" has something to
balance. With --peak the test fold also judges every epoch, which changes nothing but shows what
choosing the epoch by it would have claimed. A finished training is kept in DIR: a second call goes
on, and prints the whole table.

Columns: accuracy of each fold, mean over seeds; the mean of all; the difference from the base,
paired by fold and seed, with its standard error; macro-F1; log loss; accuracy if the posteriors of
five windows of half a clip are averaged (multi-crop), and if those of the networks of all seeds are
(together); that of the best epoch, were it chosen by the test fold (peak); seconds of a training.
"""

import argparse
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from progress import say

from asc_nas.core.files import fingerprint, read_json, write_json
from asc_nas.core.workers import run_jobs
from asc_nas.data.examples import Examples
from asc_nas.evaluation.scores import score
from asc_nas.nn.subnet import SubNet
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.opening import read_settings
from asc_nas.run.preparation import prepare
from asc_nas.run.teachers import taught_recipe
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import fit_network, new_network, score_network
from asc_nas.training.trainer import Hooks, OnEpoch, Trainer

AUGMENT = "retrain.augment"


def _front_end(rate=32000, mels=64, window=40, hop=20) -> str:
    """Return the setting of a front end; window and hop in ms."""
    length, step = round(rate * window / 1000), round(rate * hop / 1000)
    return (
        f"frontend={{sample_rate: {rate}, n_mels: {mels}, win_length: {length}, "
        f"hop_length: {step}, n_fft: {length}, seconds: 5}}"
    )


def _skeleton(change: str) -> str:
    """Return the setting of CP-Mobile's shape with a field changed."""
    return f"skeleton={{like: cp_mobile, {change}}}"


def _stages(text: str) -> str:
    """Return the setting of other stages, "width: strides, ..." with a stride as two digits."""
    stages = []
    for stage in text.split(","):
        channels, strides = stage.split(":")
        pairs = ", ".join(f"[{s[0]}, {s[1]}]" for s in strides.split())
        stages.append(f"{{channels: {channels.strip()}, strides: [{pairs}]}}")
    return _skeleton(f"stages: [{', '.join(stages)}]")


FACTORS = {
    "base": [],
    "no mixup": [f"{AUGMENT}.mixup_alpha=0"],
    "mixup 0.3": [f"{AUGMENT}.mixup_alpha=0.3"],
    "mixup 1": [f"{AUGMENT}.mixup_alpha=1"],
    "between-class": [f"{AUGMENT}.mixup_alpha=1", f"{AUGMENT}.between_class=true"],
    "between-class 0.3": [f"{AUGMENT}.between_class=true"],
    "no masks": [f"{AUGMENT}.frequency_mask=0", f"{AUGMENT}.time_mask=0"],
    "narrow masks": [f"{AUGMENT}.frequency_mask=4", f"{AUGMENT}.time_mask=6"],
    "wide masks": [f"{AUGMENT}.frequency_mask=16", f"{AUGMENT}.time_mask=64"],
    "no roll": [f"{AUGMENT}.time_roll=0"],
    "gain 6": [f"{AUGMENT}.gain_db=6"],
    "gain 20": [f"{AUGMENT}.gain_db=20"],
    "shuffle-mix": [f"{AUGMENT}.shuffle_mix=0.5"],
    "speed": [f"{AUGMENT}.speed=0.25"],
    "tempo": [f"{AUGMENT}.tempo=0.25"],
    "pitch": [f"{AUGMENT}.pitch=3"],
    "crop": [f"{AUGMENT}.crop=0.5"],
    "crop, twice as long": [f"{AUGMENT}.crop=0.5", "retrain.epochs=400"],
    "shorten": [f"{AUGMENT}.shorten=0.5"],
    "pad": [f"{AUGMENT}.pad=0.25"],
    "mixstyle": [f"{AUGMENT}.mixstyle=0.5"],
    "response": [f"{AUGMENT}.response_db=12"],
    "band limit": [f"{AUGMENT}.band_limit=0.25"],
    "noise": [f"{AUGMENT}.noise=0.5"],
    "no smoothing": ["retrain.label_smoothing=0"],
    "ema": ["retrain.ema_decay=0.995"],
    "swa": ["retrain.swa_share=0.25"],
    "teacher": ["retrain.teacher={kernels: [f3+t3], expansion: 2, members: 3}"],
    "epochs 100": ["retrain.epochs=100"],
    "epochs 400": ["retrain.epochs=400"],
    "epochs 800": ["retrain.epochs=800"],
    "window 80": [_front_end(window=80, hop=20)],
    "hop 10": [_front_end(window=20, hop=10)],
    "window 80, hop 40": [_front_end(window=80, hop=40)],
    "window 40, hop 40": [_front_end(window=40, hop=40)],
    "window 160, hop 40": [_front_end(window=160, hop=40)],
    "window 160, hop 80": [_front_end(window=160, hop=80)],
    "128 mels": [_front_end(mels=128)],
    "40 mels": [_front_end(mels=40)],
    "128 mels, window 160, hop 80": [
        _front_end(mels=128, window=160, hop=80),
        f"{AUGMENT}.frequency_mask=16",
    ],
    "16 kHz, window 160, hop 80": [_front_end(rate=16000, window=160, hop=80)],
    "44.1 kHz, window 160, hop 80": [_front_end(rate=44100, window=160, hop=80)],
    "128 mels, window 80, hop 40": [_front_end(mels=128, window=80, hop=40)],
    "16 kHz": [_front_end(rate=16000)],
    "44.1 kHz": [_front_end(rate=44100)],
    "44.1 kHz, window 80, hop 40": [_front_end(rate=44100, window=80, hop=40)],
    "level 60": [_skeleton("input_range_db: 60")],
    "level 80": [_skeleton("input_range_db: 80")],
    "no ReLU after sums": [_skeleton("activation_after_sum: false")],
    "level 60, no ReLU after sums": [
        _skeleton("input_range_db: 60, activation_after_sum: false")
    ],
    "head of 256 features": [_skeleton("head_channels: 256")],
    "half width": ["skeleton=cp_mobile_small"],
    "1.5 times as wide": [_stages("48: 11 11 12, 84: 21 11, 160: 11")],
    "two blocks more": [_stages("32: 11 11 12 11, 56: 21 11 11, 104: 11")],
    "two blocks fewer": [_stages("32: 11 12, 56: 21, 104: 11")],
    "time kept longer": [_stages("32: 11 11 11, 56: 21 11, 104: 12")],
    "time kept": [_stages("32: 11 11 11, 56: 21 11, 104: 11")],
    "frequency kept": [_stages("32: 11 11 12, 56: 11 11, 104: 11")],
    "wider at the end": [_stages("32: 11 11 12, 80: 21 11, 200: 11")],
    "balanced": ["retrain.balanced=true"],
    "batch 64": ["retrain.batch_size=64"],
    "batch 32": ["retrain.batch_size=32"],
    "batch 16": ["retrain.batch_size=16"],
}  # fmt: skip
CROPS = 5
FORMAT = "asc-nas/recipe/2"


@dataclass(frozen=True)
class Training:
    """One training: the run that has the features, what is changed, and where its result goes."""

    run: Path
    settings: tuple[str, ...]
    genotype: str
    seed: int
    thin: int
    peak: bool
    result: Path

    def __str__(self) -> str:
        return self.result.stem


def genotype_of(text: str, config: RunConfig) -> Genotype:
    """Return the genotype that `text` is; one gene alone stands for every block."""
    genes = text.split()
    blocks = len(config.skeleton.block_plans)
    return Genotype.parse(" ".join(genes * blocks if len(genes) == 1 else genes))


def train(job: Training) -> None:
    run = RunFolder.open(job.run)
    run.config = read_settings(job.run, None, job.settings)
    genotype = genotype_of(job.genotype, run.config)
    start = time.monotonic()
    state = job.result.with_suffix(".safetensors")
    network, test = new_network(run.spec(genotype), job.seed), run.examples("test")
    accuracies: list[float] = []
    if job.peak:
        state.unlink(missing_ok=True)  # the epochs before a stop were not kept
    recipe = taught_recipe(run, run.config.retrain.roles)
    hooks = Hooks(on_epoch=judge(network, test, accuracies) if job.peak else None)
    trainer = Trainer(recipe.settings, job.seed, state, hooks=hooks, teacher=recipe.teacher)
    fit_network(network, thinned(run.examples(*recipe.roles), job.thin), trainer)
    seconds = time.monotonic() - start
    whole, crops = clip_posteriors(network, test)
    plain = score(whole, test.clip_targets, test.labels)
    cropped = score(crops, test.clip_targets, test.labels)
    cost = run.cost(genotype)
    write_json(
        job.result,
        {
            "format": FORMAT,
            "accuracy": plain.accuracy,
            "macro_f1": plain.macro_f1,
            "log_loss": plain.log_loss,
            "multi_crop": cropped.accuracy,
            "accuracies": accuracies,
            "macs": cost.macs,
            "params": cost.params,
            "seconds": seconds,
            "posteriors": whole.tolist(),
            "targets": test.clip_targets.tolist(),
        },
    )
    state.unlink(missing_ok=True)


def judge(network: SubNet, test: Examples, accuracies: list[float]) -> OnEpoch:
    """Return what appends the accuracy on `test` after every epoch; training does not notice."""

    def after_epoch(epoch: int, values: dict[str, float]) -> None:
        accuracies.append(score_network(network, test).accuracy)
        network.train()

    return after_epoch


def thinned(examples: Examples, nth: int) -> Examples:
    """Return the examples with only every `nth` left of the first, third, ... class."""
    keep = np.ones(len(examples), dtype=bool)
    for target in range(0, len(examples.labels), 2):
        members = np.flatnonzero(examples.targets == target)
        keep[members] = np.arange(len(members)) % nth == 0
    names = ("rows", "targets", "clips")
    return replace(examples, **{name: getattr(examples, name)[keep] for name in names})


@torch.inference_mode()
def clip_posteriors(network, test: Examples):
    """Return the posteriors of clips from the whole clip, and the mean of those of its windows."""
    x, _ = test.batch(np.arange(len(test)))
    frames = x.shape[3]
    length = frames // 2
    starts = np.linspace(0, frames - length, CROPS).astype(int)
    windows = [network(x[..., s : s + length]).softmax(1) for s in starts]
    whole = network(x).softmax(1)
    crops = torch.stack(windows).mean(0)
    return test.clip_posteriors(whole.numpy()), test.clip_posteriors(crops.numpy())


def accuracy_together(results: dict[tuple[str, int], dict]) -> float:
    """Return the accuracy of the mean posterior of all seeds, (fold, seed) -> result."""
    right = []
    for fold in dict.fromkeys(fold for fold, _ in results):
        own = [result for (f, _), result in results.items() if f == fold]
        posterior = np.mean([result["posteriors"] for result in own], axis=0)
        right.extend(posterior.argmax(1) == own[0]["targets"])
    return float(np.mean(right))


def settings_of(name: str) -> tuple[str, ...]:
    return tuple(setting for part in name.split("+") for setting in FACTORS[part])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("factors", nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/nasc.yaml"))
    parser.add_argument("--folds", nargs="+", default=["1", "2", "3", "4"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--network", default="f3+t3e1w1")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--thin", type=int, default=1)
    parser.add_argument("--peak", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_intermixed_args()
    factors = arguments.factors or list(FACTORS)
    trainings = {}
    for seed in arguments.seeds:
        for factor in factors:
            for fold in arguments.folds:
                trainings[factor, fold, seed] = training_of(arguments, factor, fold, seed)
    missing = [job for job in trainings.values() if not job.result.exists()]
    run_jobs(train, missing, arguments.workers, say)
    print_table({key: read_json(job.result, FORMAT) for key, job in trainings.items()})


def training_of(arguments: argparse.Namespace, factor: str, fold: str, seed: int) -> Training:
    """Return the job of one training; the features of its fold are made if they are missing."""
    settings = [*arguments.settings, *settings_of(factor)]
    front_end = [setting for setting in settings if setting.startswith("frontend=")]
    others = tuple(setting for setting in settings if not setting.startswith("frontend="))
    suffix = f"-{fingerprint(front_end)[:8]}" if front_end else ""
    root = arguments.out / f"fold{fold}{suffix}"
    if not (root / "features" / "index.json").exists():
        fixed = [*front_end, f"data.test_folds=[{fold}]"]
        run = RunFolder.open(arguments.config, arguments.data, fixed, root)
        with run.lock():
            prepare(run)
    thin, peak = arguments.thin, arguments.peak
    results = "results" + f"-{thin}" * (thin > 1) + "-peak" * peak
    name = f"{factor.replace(' ', '_')}-fold{fold}-seed{seed}.json"
    return Training(
        root, others, arguments.network, seed, thin, peak, arguments.out / results / name
    )


def print_table(results: dict[tuple[str, str, int], dict]) -> None:
    factors = dict.fromkeys(factor for factor, _, _ in results)
    folds = dict.fromkeys(fold for _, fold, _ in results)
    first = next(iter(factors))
    print(f"{'factor':<28}" + "".join(f"{'fold ' + fold:>9}" for fold in folds), end="")
    names = ("mean", "more", "+-", "F1", "log loss", "crops", "together", "peak", "M MACs", "s")
    print("".join(f"{name:>9}" for name in names))
    for factor in factors:
        mine = {(f, s): r for (name, f, s), r in results.items() if name == factor}
        base = {(f, s): r for (name, f, s), r in results.items() if name == first}
        print(f"{factor:<28}", end="")
        for fold in folds:
            found = [r["accuracy"] for (f, _), r in mine.items() if f == fold]
            print(f"{statistics.mean(found):>9.3f}", end="")
        pairs = [mine[key]["accuracy"] - base[key]["accuracy"] for key in mine if key in base]
        error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else 0.0

        names = ("accuracy", "macro_f1", "log_loss", "multi_crop", "macs", "seconds")
        means = {name: statistics.mean(result[name] for result in mine.values()) for name in names}
        peaks = [max(r["accuracies"]) for r in mine.values() if r.get("accuracies")]
        peak = f"{statistics.mean(peaks):.4f}" if peaks else ""
        print(
            f"{means['accuracy']:>9.4f}{statistics.mean(pairs):>+9.4f}{error:>9.4f}"
            f"{means['macro_f1']:>9.4f}{means['log_loss']:>9.3f}{means['multi_crop']:>9.4f}"
            f"{accuracy_together(mine):>9.4f}{peak:>9}{means['macs'] / 1e6:>9.2f}"
            f"{means['seconds']:>9.0f}"
        )
    print(f"{len(results)} trainings; 'more' is against '{first}'")


if __name__ == "__main__":
    main()
