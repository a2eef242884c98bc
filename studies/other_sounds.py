"""How well scores tell the sounds of a model's classes from other sounds.

python studies/other_sounds.py lists ESC-50/clips.csv --out DIR
python studies/other_sounds.py measure MODEL... --others ESC-50/clips.csv [--data ESC-10]
    [--speech FOLDER] [--cards CARD,...] [--ten]

`lists` writes two lists for `asc-nas crossval`: ``plain.csv``, the ten classes of ESC-10 as ESC-50
has them, and ``none.csv``, with every second of the other 40 classes as "none of these".

`measure` takes the models of the folds of a cross-validation, each with the clips of the test fold
that its card names. Other sounds: ESC-50's other classes of that fold, every second of which
``none.csv`` has too, spoken digits, white and pink noise, tones, silence. A limit is the one below
which 5 % of the right answers of the other folds' models lie, each for its own test clips: no clip
of the fold has a part in it. The ten classes come from ``--others`` too, or, as published, from
``--data``: ESC-50 may be there at 16 kHz only, and then what is above 8 kHz tells the two sets
apart. The models hear both at their own rate.

A model of all fifty classes knows no others of ESC-50; with `--ten` it is asked about ESC-10's
classes alone, as ``asc-nas classify --only`` asks.

`--cards` writes the limit of all folds together into the cards of models that were trained by the
same recipe on all folds; it is fitted on probabilities with the temperature of each card.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import onnxruntime
import typer
from numpy.typing import NDArray

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length, log_mel
from asc_nas.core.randomness import stream
from asc_nas.evaluation.rejection import KEPT, fit_rejection
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import INPUT, OUTPUT, softmax
from asc_nas.runtime.segments import NONE
from data_prep.datasets.esc10 import read_esc10

ESC10 = {"dog": "dog_bark", "crying_baby": "baby_cry", "sneezing": "person_sneeze"} | {
    "crackling_fire": "fire_crackling",
    **{name: name for name in ("rain", "sea_waves", "clock_tick", "helicopter", "chainsaw")},
    "rooster": "rooster",
}
"""Labels of ESC-10 by those of ESC-50."""
LEVELS = range(-10, -70, -10)  # dBFS
TONES = (50, 100, 250, 440, 1000, 2000, 4000)  # Hz
KINDS = ("other, seen", "other, unseen", "speech", "white", "pink", "tone", "silence")
PER_HOUR = 720
"""Windows of 5 s in an hour."""
app = typer.Typer(help=__doc__.partition("\n")[0])


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def half_of(rows: list[dict[str, str]]) -> set[str]:
    """Return every second of the classes that ESC-10 has not."""
    return set(sorted({row["label"] for row in rows} - set(ESC10))[::2])


@app.command()
def lists(table: Path, out: Annotated[Path, typer.Option()]) -> None:
    rows = rows_of(table)
    out.mkdir(parents=True, exist_ok=True)
    for name, others in (("plain", set()), ("none", half_of(rows))):
        labels = ESC10 | dict.fromkeys(others, NONE)
        with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "label", "fold", "group"))
            for row in rows:
                if label := labels.get(row["label"]):
                    path = (table.parent / row["path"]).resolve()
                    writer.writerow((path, label, row["fold"], row["group"]))


def made(frontend: FrontEnd) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield sounds that no microphone has heard, by kind."""
    rng, count = stream(0, "other sounds"), frontend.samples
    time, bins = np.arange(count) / frontend.sample_rate, count // 2 + 1
    yield "silence", np.zeros(count)
    for level in LEVELS:
        gain = 10 ** (level / 20)
        for _ in range(4):
            yield "white", gain * rng.normal(size=count)
            spectrum = rng.normal(size=bins) + 1j * rng.normal(size=bins)
            pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(bins))), count)
            yield "pink", gain * pink / pink.std()
        for hertz in TONES:
            yield "tone", gain * np.sqrt(2) * np.sin(2 * np.pi * hertz * time)


class Heard:
    """Log-mels (clips, 1, mels, frames), with kind, fold and label (-1: none) of each."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._mels: list[NDArray[np.float32]] = []
        self.kinds: list[str] = []
        self.folds: list[str] = []
        self.labels: list[int] = []

    def add(self, sound: Path | NDArray[np.float64], kind: str, label: str = "", fold: str = ""):
        heard, known = self._card.frontend, self._card.labels
        whole = load_audio(sound, heard.sample_rate)[:1] if isinstance(sound, Path) else sound[None]
        wave = np.clip(whole[:, : heard.samples], -1, 1).astype(np.float32)
        self._mels.append(log_mel(fit_length(wave, heard.samples, heard.short), heard))
        self.kinds.append(kind)
        self.folds.append(fold)
        self.labels.append(known.index(label) if label else -1)

    def mels(self) -> NDArray[np.float32]:
        return np.stack(self._mels)


def names_of(card: ModelCard, ten: bool) -> dict[str, str]:
    """Return the labels of a model that are asked for, by those of ESC-50."""
    if set(ESC10.values()) <= set(card.labels):
        return ESC10
    return {label: label for label in card.labels if not ten or label in ESC10}


def hear(
    card: ModelCard, names: dict[str, str], others: Path, data: Path | None, speech: Path | None
) -> Heard:
    heard, rows = Heard(card), rows_of(others)
    seen = half_of(rows)
    for row in rows:
        own = names.get(row["label"], "")
        kind = "known" if own else f"other, {'seen' if row['label'] in seen else 'unseen'}"
        if not (own and data):
            heard.add(others.parent / row["path"], kind, own, row["fold"])
    if data:
        for clip in read_esc10(data).clips:
            heard.add(data / clip.path, "known", clip.label, clip.fold)
    if speech:
        files = sorted(speech.glob("*.wav"))
        for place in stream(0, "speech").choice(len(files), min(200, len(files)), replace=False):
            heard.add(files[place], "speech")
    for kind, wave in made(card.frontend):
        heard.add(wave, kind)
    return heard


def answers(path: Path, mels: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Return logits (clips, classes), and what the last layer gets, averaged over the picture."""
    model = onnx.load(path)
    head = next(node for node in reversed(model.graph.node) if node.op_type == "Conv")
    model.graph.output.append(onnx.ValueInfoProto(name=head.input[0]))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = [session.run([OUTPUT, head.input[0]], {INPUT: mel[None]}) for mel in mels]
    return np.stack([f[0][0] for f in found]), np.stack([f[1][0].mean((1, 2)) for f in found])


def energy(logits: NDArray) -> NDArray:
    """Return the logarithm of the sum of powers (Liu et al. 2020, arXiv 2010.03759)."""
    largest = logits.max(1)
    return largest + np.log(np.exp(logits - largest[:, None]).sum(1))


def mahalanobis(features: NDArray, labels: NDArray, trained: NDArray) -> NDArray:
    """Return minus the distance from the nearest class (Lee et al. 2018, arXiv 1807.03888)."""
    own, of = features[trained], labels[trained]
    classes = [c for c in range(of.max() + 1) if (of == c).any()]
    means = np.stack([own[of == c].mean(0) for c in classes])
    spread = np.cov(
        np.concatenate([own[of == c] - m for c, m in zip(classes, means, strict=True)]).T
    )
    inverse = np.linalg.inv(
        0.9 * spread + 0.1 * np.eye(len(spread)) * np.trace(spread) / len(spread)
    )
    far = features[:, None] - means
    return -np.einsum("nci,ij,ncj->nc", far, inverse, far).min(1)


def nearest(pictures: NDArray, trained: NDArray) -> NDArray:
    """Return minus the distance to the fifth nearest training clip, by mean and deviation."""
    own = pictures[trained]
    scaled = (pictures - own.mean(0)) / own.std(0)
    return np.stack([-np.sort(((one - scaled[trained]) ** 2).mean(1))[4] for one in scaled])


def scores_of(
    path: Path, names: dict[str, str], heard: Heard, mels: NDArray
) -> tuple[dict[str, NDArray], NDArray]:
    """Return each score, high for the classes asked for, and which clips are right among them.

    "As decided" is 0 for one of these and -1 for another label of the model; "with only" the same
    if the probabilities of all other labels are added up.
    """
    card = ModelCard.read(path.with_suffix(".json"))
    labels, folds = np.array(heard.labels), np.array(heard.folds)
    logits, features = answers(path, mels)
    posteriors = softmax(logits / card.temperature)
    known = [card.labels.index(label) for label in names.values()]
    classes = posteriors[:, known]
    shares = classes / classes.sum(1, keepdims=True)
    trained = (labels >= 0) & ~np.isin(folds, card.data.test_folds)
    pictures = np.concatenate([mels[:, 0].mean(2), mels[:, 0].std(2)], 1)
    scores = {
        "largest probability": classes.max(1),
        "minus entropy": (shares * np.log(np.maximum(shares, 1e-30))).sum(1),
        "largest logit": logits[:, known].max(1),
        "energy": energy(logits[:, known]),
        "Mahalanobis, features": mahalanobis(features, labels, trained),
        "5th neighbour, log-mel": nearest(pictures, trained),
    }
    if len(known) < len(card.labels):
        scores["as decided"] = -(~np.isin(posteriors.argmax(1), known)).astype(float)
        rest = posteriors.sum(1) - classes.sum(1)
        scores["with only"] = -(classes.max(1) < rest).astype(float)
    return scores, np.array(known)[classes.argmax(1)] == labels


def area(inside: NDArray, outside: NDArray) -> float:
    """Return the area under the ROC."""
    below = np.searchsorted(np.sort(outside), inside, "left")
    return float(
        (below + np.searchsorted(np.sort(outside), inside, "right")).mean() / 2 / len(outside)
    )


@app.command()
def measure(
    models: list[Path],
    others: Annotated[Path, typer.Option()],
    data: Annotated[Path | None, typer.Option()] = None,
    speech: Annotated[Path | None, typer.Option()] = None,
    cards: str = "",
    ten: bool = False,
) -> None:
    cards_of = [ModelCard.read(path.with_suffix(".json")) for path in models]
    names = names_of(cards_of[0], ten)
    heard = hear(cards_of[0], names, others, data, speech)
    mels = heard.mels()
    kinds, folds = np.array(heard.kinds), np.array(heard.folds)
    found = [scores_of(path, names, heard, mels) for path in models]
    tests = [np.isin(folds, (*card.data.test_folds, "")) for card in cards_of]
    asked = [test & (kinds == "known") for test in tests]
    accuracy = np.mean([right[own].mean() for (_, right), own in zip(found, asked, strict=True)])
    print(f"{len(models)} models, accuracy {accuracy:.3f}\n")
    print(f"| score | {' | '.join(f'AUROC {k}' for k in KINDS)} | kept | {' | '.join(KINDS)} |")
    for name in found[0][0]:
        areas, passed, kept = defaultdict(list), defaultdict(list), []
        for place, ((scores, right), own, test) in enumerate(zip(found, asked, tests, strict=True)):
            rest = [i for i in range(len(found)) if i != place] or [place]
            limit = (
                0.0
                if name in ("as decided", "with only")
                else np.quantile(
                    np.concatenate([found[i][0][name][asked[i] & found[i][1]] for i in rest]),
                    1 - KEPT,
                )
            )
            inside = scores[name][own & right]
            kept.append((inside >= limit).mean())
            for kind in KINDS:
                outside = test & (kinds == kind)
                if outside.any():
                    areas[kind].append(area(inside, scores[name][outside]))
                    passed[kind].append((scores[name][outside] >= limit).mean())
        cells = [f"{np.mean(areas[k]):.3f}" if areas[k] else "" for k in KINDS]
        cells += [f"{np.mean(kept):.3f}"]
        cells += [f"{np.mean(passed[k]):.3f}" if passed[k] else "" for k in KINDS]
        print(f"| {name} | {' | '.join(cells)} |")
        if strangers := [v for k in KINDS[:2] for v in passed[k]]:
            mean = np.mean(strangers)
            print(
                f"  other sounds accepted {mean:.3f}, {PER_HOUR * mean:.0f} of {PER_HOUR} an hour"
            )
    for path in filter(None, cards.split(",")):
        fit_card(Path(path), models, heard, mels, asked)


def fit_card(path: Path, models: list[Path], heard: Heard, mels: NDArray, asked: list) -> None:
    """Write the limit into a card, fitted on what each model says of its own test clips."""
    card, labels = ModelCard.read(path), np.array(heard.labels)
    logits = np.concatenate(
        [answers(m, mels[own])[0] for m, own in zip(models, asked, strict=True)]
    )
    targets = np.concatenate([labels[own] for own in asked])
    limit = fit_rejection(softmax(logits / card.temperature), targets)
    card.model_copy(update={"reject_below": limit}).write(path)
    print(f"{path}: reject_below {limit}")


if __name__ == "__main__":
    app()
