"""Largest difference between our log-mel and librosa's on real clips, in dB, by format and preset.

python studies/front_end_accuracy.py ESC10_FOLDER [--clips 20]

Evenly spaced clips of the folder are written again as WAV, FLAC and MP3; both sides get what our
decoder and resampler give.
"""

import argparse
import tempfile
from pathlib import Path

import librosa
import numpy as np
import soundfile

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import PRESETS, log_mel


def librosa_log_mel(wave, settings):
    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        win_length=settings.win_length,
        n_mels=settings.n_mels,
        pad_mode="constant",
    )
    return librosa.power_to_db(mel, ref=1, amin=1e-10, top_db=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=20)
    arguments = parser.parse_args()
    recordings = sorted(arguments.folder.rglob("*.ogg"))
    places = np.linspace(0, len(recordings) - 1, arguments.clips).astype(int)
    print("format  " + "  ".join(PRESETS))
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("ogg", "wav", "flac", "mp3"):
            largest = dict.fromkeys(PRESETS, 0.0)
            for place in places:
                clip = recordings[place]
                if suffix != "ogg":
                    samples, rate = soundfile.read(clip, dtype="float32")
                    clip = Path(folder) / f"clip.{suffix}"
                    soundfile.write(clip, samples, rate)
                for name, settings in PRESETS.items():
                    wave = load_audio(clip, settings.sample_rate)[0]
                    difference = log_mel(wave, settings) - librosa_log_mel(wave, settings)
                    largest[name] = max(largest[name], float(np.abs(difference).max()))
            print(f"{suffix:7s} " + "  ".join(f"{largest[name]:.1e}" for name in PRESETS))


if __name__ == "__main__":
    main()
