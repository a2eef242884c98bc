"""Log-mel of 10 s of four-channel noise on one thread, against other front ends and a bare STFT.

python benchmarks/log_mel.py [--preset dcase2018_task5] [--repeats 50]

Peers, each with the same settings: librosa, torchaudio (MelSpectrogram and AmplitudeToDB, float32)
and kaldi-native-fbank (float32, with a power of two as transform length, as it allows no other). A
peer that is not installed is left out and named. The bare STFT is what no front end that uses NumPy
can beat: frames times window, and their transform, in blocks.

The largest difference of each from the plain transform in float64 is printed too (kaldi's bands are
others).
"""

import importlib.util

import numpy as np
import timing
from librosa_front_end import librosa_log_mel

from asc_nas.audio.logmel import FLOOR, frontend_from, log_mel
from asc_nas.audio.mel_bands import filter_bank, hann_window

SECONDS, CHANNELS = 10, 4
BLOCK = 32
"""Frames at once in the bare STFT: the fastest of 16, 32, 64, 128 and all."""


def framed(signal, settings):
    padded = np.pad(signal, settings.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, settings.n_fft)
    return frames[:: settings.hop_length]


def bare_stft(wave, settings):
    window = hann_window(settings.win_length, settings.n_fft)

    def run():
        for signal in wave:
            frames = framed(signal, settings)
            for first in range(0, len(frames), BLOCK):
                np.fft.rfft(frames[first : first + BLOCK] * window)

    return run


def plain(wave, settings):
    """Return the log-mel as its definition says."""
    window = hann_window(settings.win_length, settings.n_fft)
    bank = filter_bank(
        settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmin, settings.highest
    ).astype(np.float64)
    power = np.abs(np.fft.rfft(np.stack([framed(signal, settings) for signal in wave]) * window))
    return 10 * np.log10(np.maximum(bank @ (power**2).swapaxes(1, 2), FLOOR))


def with_librosa(wave, settings):
    return lambda: librosa_log_mel(wave, settings)


def with_torchaudio(wave, settings):
    import torch
    import torchaudio

    torch.set_num_threads(1)
    transform = torchaudio.transforms.MelSpectrogram(
        settings.sample_rate,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        f_min=settings.fmin,
        f_max=settings.highest,
        n_mels=settings.n_mels,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )
    decibels = torchaudio.transforms.AmplitudeToDB("power")
    signals = torch.from_numpy(wave)

    def run():
        with torch.inference_mode():
            return decibels(transform(signals)).numpy()

    return run


def with_kaldi(wave, settings):
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = settings.sample_rate
    options.frame_opts.frame_length_ms = 1000 * settings.win_length / settings.sample_rate
    options.frame_opts.frame_shift_ms = 1000 * settings.hop_length / settings.sample_rate
    options.frame_opts.dither = 0
    options.frame_opts.preemph_coeff = 0
    options.frame_opts.remove_dc_offset = False
    options.frame_opts.window_type = "hann"
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = settings.n_mels
    options.mel_opts.low_freq = settings.fmin
    options.mel_opts.high_freq = settings.highest

    def run():
        features = []
        for signal in wave:
            extractor = kaldi_native_fbank.OnlineFbank(options)
            extractor.accept_waveform(settings.sample_rate, signal)
            extractor.input_finished()
            frames = range(extractor.num_frames_ready)
            features.append(np.stack([extractor.get_frame(frame) for frame in frames]))
        return features

    return run


PEERS = {
    "librosa": ("librosa", with_librosa),
    "torchaudio": ("torchaudio", with_torchaudio),
    "kaldi-native-fbank": ("kaldi_native_fbank", with_kaldi),
}


def main(
    preset: str = "dcase2018_task5",
    repeats: timing.RepeatsOption = 50,
    clock: timing.ClockOption = timing.Clock.WALL,
) -> None:
    timing.restart_with_threads(1)

    settings = frontend_from(preset)
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 0.1, (CHANNELS, SECONDS * settings.sample_rate)).astype(np.float32)
    peers = {"asc-nas": lambda: log_mel(wave, settings)}
    missing = []
    for name, (module, make) in PEERS.items():
        if importlib.util.find_spec(module):
            peers[name] = make(wave, settings)
        else:
            missing.append(name)
    expected = plain(wave, settings)
    difference = {
        name: np.abs(run() - expected).max()
        for name, run in peers.items()
        if name != "kaldi-native-fbank"
    }
    times = timing.by_turns({**peers, "bare STFT": bare_stft(wave, settings)}, repeats, clock)

    print(f"{SECONDS} s, {CHANNELS} channels, {preset}", end=": ")
    timing.print_times(times, "asc-nas", threads=1)
    print(", ".join(f"{name} {value:.1e}" for name, value in difference.items()), "dB difference")
    if missing:
        print(f"not installed: {', '.join(missing)}")
    others = [timing.ratio(times, name, "asc-nas") for name in peers if name != "asc-nas"]
    timing.print_aims(
        [
            ("fastest peer / asc-nas", min(others, default=float("nan")), "at least 2"),
            ("asc-nas / bare STFT", timing.ratio(times, "asc-nas", "bare STFT"), "at most 1.4"),
        ]
    )


if __name__ == "__main__":
    timing.run(main)
