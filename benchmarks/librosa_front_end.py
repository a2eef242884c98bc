"""The log-mel of librosa, with the settings of a front end: a peer in several scripts."""

import numpy as np

from asc_nas.audio.logmel import FLOOR, FrontEnd


def librosa_log_mel(wave: np.ndarray, settings: FrontEnd) -> np.ndarray:
    """Return the log-mel of (..., samples) in dB; librosa is loaded at the first call."""
    import librosa

    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        win_length=settings.win_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.highest,
        pad_mode="constant",
    )
    return librosa.power_to_db(mel, ref=1, amin=FLOOR, top_db=None)
