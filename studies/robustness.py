"""How exported models do on recordings that are not as those they were trained on.

python studies/robustness.py MODEL... --data ESC-10 [--fold 4] [--draws 3] [--json FILE]
    [--condition "another microphone"]

Accuracy on the test clips (of the folds that each card names, or of --fold) under every condition
of ``conditions.py``, or those that --condition names. Models of one file name, as the folds of a
cross-validation have them, are one column: every clip is judged by the one that has it as a test
clip. Each clip is written to a file (WAV of 16 bits; noise and microphone as float, so that nothing
is clipped), which the classifier reads as `asc-nas classify` does. Conditions with chance in them
are drawn several times, and the mean is shown: noise and parts anew for every clip, a microphone's
frequency response once for all clips of a draw. A part of one second is padded or repeated to the
network's window, as its card says.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conditions import CLEAN, CONDITIONS, Condition, write_under

from asc_nas.audio.io import audio_info, load_audio
from asc_nas.core.files import write_json
from asc_nas.core.randomness import stream
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.timeline import TimelineConfig
from data_prep.datasets.esc10 import read_esc10

FORMAT = "asc-nas/robustness/1"
ALL = TimelineConfig(reject=False)
"""Every clip gets one of the labels, or is silent."""
Judges = dict[str, tuple[Clip, Classifier]]
"""Test clips by their keys, with the model that has not seen them."""
Right = dict[tuple[str, str], list[list[bool]]]
"""Whether the answer is right, by model and condition: one list of clips per draw."""


def generator(seed: int, condition: Condition, draw: int, clip: Clip) -> np.random.Generator:
    """Return the stream of one draw; clips share it where the condition says so."""
    whose = (clip.key,) if condition.per_clip else ()
    return stream(seed, "robustness", condition.name, draw, *whose)


def judges_of(
    paths: Sequence[Path], manifest: Manifest, folds: Sequence[str] | None
) -> dict[str, Judges]:
    """Return which model judges which clip, by file name: those of its test folds, or of `folds`.

    Raises
    ------
    SystemExit
        If a model has no clips to judge, or labels other than theirs.
    """
    models: dict[str, Judges] = {}
    for path in paths:
        model = Classifier.load(path)
        own = folds or model.card.data.test_folds
        clips = [clip for clip in manifest.clips if clip.fold in own]
        if not clips or not set(manifest.labels) <= set(model.card.labels):
            raise SystemExit(f"{path}: no clips of fold {', '.join(own)}, or other labels.")
        if seen := set(own) & set(model.card.data.train_folds):
            print(f"note: {path} was trained on fold {', '.join(sorted(seen))}")
        models.setdefault(path.stem, {}).update({clip.key: (clip, model) for clip in clips})
    return models


def classify_all(
    models: dict[str, Judges],
    root: Path,
    seed: int,
    draws: int,
    conditions: Sequence[Condition] = CONDITIONS,
) -> tuple[Right, dict[str, float]]:
    """Classify every clip under every condition; return the answers and the mean file sizes.

    Parameters
    ----------
    models : dict
        The test clips of each name, and which model judges them.
    draws : int
        How often a condition with chance in it is drawn.

    Returns
    -------
    right : Right
    kilobits : dict
        kbit/s of the files of each condition.
    """
    right: Right = defaultdict(list)
    kilobits: dict[str, list[float]] = defaultdict(list)
    every = {clip.key: clip for judges in models.values() for clip, _ in judges.values()}
    with tempfile.TemporaryDirectory() as folder:
        for condition in conditions:
            for draw in range(draws if condition.random else 1):
                for name in models:
                    right[name, condition.name].append([])
                for clip in every.values():
                    path = root / clip.path
                    rate = audio_info(path).sample_rate
                    if condition.change is not None:
                        wave, rng = load_audio(path, rate), generator(seed, condition, draw, clip)
                        path = write_under(condition, wave, rate, rng, Path(folder))
                    seconds = audio_info(path).seconds
                    kilobits[condition.name].append(path.stat().st_size * 8 / seconds / 1000)
                    for name, judges in models.items():
                        if clip.key in judges:
                            answer = judges[clip.key][1].classify(path, config=ALL).label
                            right[name, condition.name][-1].append(answer == clip.label)
            print(f"{condition.name} done", flush=True)
    return right, {name: float(np.mean(values)) for name, values in kilobits.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of ESC-10")
    parser.add_argument("--fold", action="append", help="test fold [default: the card's]")
    parser.add_argument("--draws", type=int, default=3, help="of the conditions with chance")
    names = [condition.name for condition in CONDITIONS]
    parser.add_argument(
        "--condition", action="append", choices=names, metavar="NAME", help="[default: all]"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()

    manifest = read_esc10(arguments.data)
    models = judges_of(arguments.models, manifest, arguments.fold)
    conditions = [c for c in CONDITIONS if c.name in (arguments.condition or names)]
    right, kilobits = classify_all(
        models, manifest.root, arguments.seed, arguments.draws, conditions
    )

    accuracies = {key: [float(np.mean(draw)) for draw in found] for key, found in right.items()}
    print_table(models, accuracies, kilobits, conditions)
    if arguments.json is not None:
        write_json(
            arguments.json,
            {
                "format": FORMAT,
                "seed": arguments.seed,
                "models": {
                    name: {
                        "sha256": sorted({model.card.sha256 for _, model in judges.values()}),
                        "clips": len(judges),
                        "folds": sorted({clip.fold for clip, _ in judges.values()}),
                        "accuracy": {c.name: accuracies[name, c.name] for c in conditions},
                    }
                    for name, judges in models.items()
                },
                "kilobits_per_second": kilobits,
            },
        )


def print_table(
    models: dict[str, Judges],
    accuracies: dict[tuple[str, str], list[float]],
    kilobits: dict[str, float],
    conditions: Sequence[Condition],
) -> None:
    """Print the mean accuracy by condition and model."""
    print(f"\nclips: {', '.join(f'{len(judges)} of {name}' for name, judges in models.items())}\n")
    print(f"| condition | kbit/s | {' | '.join(models)} |")
    print("|---|---|" + "---|" * len(models))
    for condition in conditions:
        cells = []
        for name in models:
            draws = accuracies[name, condition.name]
            spread = f" ({min(draws):.3f} to {max(draws):.3f})" if len(draws) > 1 else ""
            cells.append(f"{np.mean(draws):.3f}{spread}")
        print(f"| {condition.name} | {kilobits[condition.name]:.0f} | {' | '.join(cells)} |")
    changed = [condition.name for condition in conditions if condition is not CLEAN]
    if not changed:
        return
    means = [np.mean([np.mean(accuracies[name, other]) for other in changed]) for name in models]
    print(f"| mean of all but clean | | {' | '.join(f'{mean:.3f}' for mean in means)} |")


if __name__ == "__main__":
    main()
