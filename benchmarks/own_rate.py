"""Log-mel of recordings at their own rate, without a resampler: how fast, and what it changes.

python benchmarks/own_rate.py MODEL FOLDER [--repeats 15]

A front end with windows and hops of equal length in seconds, and the mel bands of the model, hears
the same frequencies at any rate above the model's. So a recording could be transformed at its own
rate, in longer windows, in place of being resampled first. Of every recording in FOLDER whose rate
is higher, and makes whole numbers of window and hop, both ways are compared: the difference in dB
within 60 dB of the loudest value, in the bands that the resampler's filter leaves alone and in
those where it falls (above 0.91 of half the rate), and the model's answers. Then both take turns on
a minute of stereo noise, at the rates of the recordings and 48 kHz, one thread.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import soxr
import timing

from asc_nas.audio.io import AUDIO_SUFFIXES, audio_info, load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length, log_mel
from asc_nas.audio.mel_bands import centre_frequencies
from asc_nas.audio.signal import first_heard
from asc_nas.runtime.classifier import Classifier

FILTER_FALLS = 0.91
"""Share of half the rate from which on soxr's filter of HQ quality lets less through."""
HEARD_DB = 60


def at_rate(frontend: FrontEnd, rate: int) -> FrontEnd | None:
    """Return the front end with windows and hops of equal length; None if they are not whole."""
    lengths = [
        length * rate / frontend.sample_rate
        for length in (frontend.win_length, frontend.hop_length, frontend.n_fft)
    ]
    if rate <= frontend.sample_rate or any(length % 1 for length in lengths) or lengths[2] % 2:
        return None
    names = ("win_length", "hop_length", "n_fft")
    sizes = dict(zip(names, map(int, lengths), strict=True))
    changed = {"sample_rate": rate, "fmax": frontend.highest, **sizes}
    return FrontEnd(**frontend.model_dump() | changed)


def without_resampler(wave, frontend, own):
    """Return the log-mel at the recording's rate, in the level that it has at the model's."""
    return log_mel(wave, own) + np.float32(20 * np.log10(frontend.sample_rate / own.sample_rate))


def resampled(wave, frontend, rate):
    at_model = soxr.resample(wave.T, rate, frontend.sample_rate, quality="HQ").T
    return log_mel(np.ascontiguousarray(at_model), frontend)


def main(model: Path, folder: Path, repeats: timing.RepeatsOption = 15) -> None:
    timing.restart_with_threads(1)
    classifier = Classifier.load(model)
    frontend = classifier.card.frontend
    centres = centre_frequencies(frontend.n_mels, frontend.fmin, frontend.highest)
    low = centres < FILTER_FALLS * frontend.sample_rate / 2
    rates, differences, answers = Counter(), {True: [], False: []}, []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES):
        rate = audio_info(path).sample_rate
        if (own := at_rate(frontend, rate)) is None:
            continue
        rates[rate] += 1
        wave = first_heard(fit_length(load_audio(path, rate), own.samples, frontend.short))
        mels = resampled(wave[None], frontend, rate), without_resampler(wave[None], frontend, own)
        frames = min(mel.shape[-1] for mel in mels)
        plain, other = (mel[0, :, :frames] for mel in mels)
        heard = plain > plain.max() - HEARD_DB
        for where in (True, False):
            chosen = heard & (low == where)[:, None]
            differences[where].append(np.abs(plain - other)[chosen])
        answers.append([classifier.posterior(mel[None]) for mel in (plain, other)])
    if not answers:
        raise SystemExit(f"{folder}: no recording has a rate that this can be shown at.")
    print(f"{len(answers)} recordings, {dict(rates)} Hz; the model hears {frontend.sample_rate} Hz")
    for where, name in ((True, "below"), (False, "above")):
        all_of = np.concatenate(differences[where])
        if len(all_of):
            print(
                f"  bands {name} {FILTER_FALLS} of half the rate: median {np.median(all_of):.4f}, "
                f"99 % {np.quantile(all_of, 0.99):.4f}, largest {all_of.max():.3f} dB"
            )
    said = np.array(answers).reshape(len(answers), 2, -1)
    same = (said[:, 0].argmax(-1) == said[:, 1].argmax(-1)).sum()
    print(
        f"  the same label for {same} of {len(answers)}; probabilities differ by at most "
        f"{np.abs(said[:, 0] - said[:, 1]).max():.4f}"
    )
    for rate in sorted({*rates, 48_000}):
        if (own := at_rate(frontend, rate)) is not None:
            print_times(frontend, own, repeats)


def print_times(frontend, own, repeats):
    rate = own.sample_rate
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 60 * rate)).astype(np.float32)
    took = timing.by_turns(
        {
            "resampler": lambda: soxr.resample(noise.T, rate, frontend.sample_rate, quality="HQ"),
            "resampler and log-mel": lambda: resampled(noise, frontend, rate),
            "log-mel at its own rate": lambda: without_resampler(noise, frontend, own),
        },
        repeats,
    )
    for name, seconds in took.items():
        print(f"  {name:<26}{1e3 * np.median(seconds):>8.1f} ms a minute of stereo at {rate} Hz")
    ratios = np.divide(took["resampler and log-mel"], took["log-mel at its own rate"])
    print(f"  without the resampler {np.median(ratios):.2f} times as fast")


if __name__ == "__main__":
    timing.run(main)
