"""Largest difference between our log-mel and librosa's on real clips, in dB, by format and preset.

python studies/front_end_accuracy.py ESC10_FOLDER [--clips 20]

Evenly spaced clips of the folder are written again as WAV, FLAC and MP3; both sides get what our
decoder and resampler give.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import typer

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import PRESETS, log_mel

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from librosa_front_end import librosa_log_mel


def main(folder: Path, clips: int = 20) -> None:
    recordings = sorted(folder.rglob("*.ogg"))
    places = np.linspace(0, len(recordings) - 1, clips).astype(int)
    print("format  " + "  ".join(PRESETS))
    with tempfile.TemporaryDirectory() as written:
        for suffix in ("ogg", "wav", "flac", "mp3"):
            largest = dict.fromkeys(PRESETS, 0.0)
            for place in places:
                clip = recordings[place]
                if suffix != "ogg":
                    samples, rate = soundfile.read(clip, dtype="float32")
                    clip = Path(written) / f"clip.{suffix}"
                    soundfile.write(clip, samples, rate)
                for name, settings in PRESETS.items():
                    wave = load_audio(clip, settings.sample_rate)[0]
                    difference = log_mel(wave, settings) - librosa_log_mel(wave, settings)
                    largest[name] = max(largest[name], float(np.abs(difference).max()))
            print(f"{suffix:7s} " + "  ".join(f"{value:.1e}" for value in largest.values()))


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
