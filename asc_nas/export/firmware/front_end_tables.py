"""Tables of the fixed-point log-mel: what `asc_nas.audio.logmel` computes, as integers.

The transform of n real samples is a complex one of n / 2 values of 32 bits. Its input is shifted so
that the largest has 29 bits (block floating point), every stage divides by its factor, and powers
have 61 bits; so the error does not depend on how loud a recording is.
"""

import math
from dataclasses import dataclass

import numpy as np

from asc_nas.audio.logmel import FrontEnd
from asc_nas.audio.mel_bands import filter_bank, hann_window
from asc_nas.core.errors import AscNasError
from asc_nas.export.firmware.text import array

_ONE, _WINDOW_ONE, _WEIGHT_ONE, _LOG_ONE = 2**30, 2**31 - 1, 2**16 - 1, 2**16
_LOWEST_BITS = 12
"""Bits of a power that asc_front_end.c drops."""
_SAMPLE_BITS = 31 + 15
"""Bits behind the point of a sample times its window."""
_SMALLEST_FFT, _LARGEST_FFT, _LARGEST_FACTOR = 8, 2**16, 251


@dataclass(frozen=True)
class FrontEndTables:
    """The front end's part of ``asc_model.h`` and ``asc_model.c``; `bytes` are those of tables."""

    defines: dict[str, int]
    source: str
    bytes: int


def require_transform(frontend: FrontEnd, target: str) -> None:
    """Raise AscNasError, which names `target`, where the C code cannot do a front end's transform.

    It must not be too long or too short, nor of a length with a large prime factor.
    """
    n_fft = frontend.n_fft
    factors = _factors(n_fft // 2) or [1]
    if not _SMALLEST_FFT <= n_fft <= _LARGEST_FFT or max(factors) > _LARGEST_FACTOR:
        raise AscNasError(
            f"{target}: a transform of {n_fft} samples cannot be exported as C: from "
            f"{_SMALLEST_FFT} to {_LARGEST_FFT}, without a prime factor above {_LARGEST_FACTOR}; "
            "set frontend.n_fft to a product of small numbers."
        )


def front_end_tables(frontend: FrontEnd, target: str) -> FrontEndTables:
    """Return what the C code needs of a front end.

    Raises
    ------
    AscNasError
        If it cannot do its transform; `target` is named.
    """
    require_transform(frontend, target)
    n_fft = frontend.n_fft
    factors = _factors(n_fft // 2) or [1]
    turn = n_fft if n_fft % 4 == 0 else 2 * n_fft
    own_window = frontend.win_length != n_fft
    cosine = np.cos(2 * np.pi * np.arange(turn // 4 + 1) / turn) * _ONE
    parts = [array(f"const int32_t asc_cosine[{turn // 4 + 1}]", np.rint(cosine))]
    size = 4 * len(cosine) + 8 * frontend.n_mels + len(factors)
    if own_window:
        size += 4 * n_fft
        window = hann_window(frontend.win_length, n_fft) * _WINDOW_ONE
        parts.append(array(f"const int32_t asc_window[{n_fft}]", np.rint(window)))
    weights, mel = _mel(frontend)
    parts.append(mel)
    parts.append(array(f"const uint8_t asc_fft_factors[{len(factors)}]", factors))
    defines = {
        "ASC_RATE": frontend.sample_rate,
        "ASC_SAMPLES": frontend.samples,
        "ASC_HOP": frontend.hop_length,
        "ASC_FFT": n_fft,
        "ASC_MELS": frontend.n_mels,
        "ASC_FRAMES": frontend.frames,
        "ASC_TURN": turn,
        "ASC_WINDOW_TABLE": int(own_window),
        "ASC_FFT_FACTORS": len(factors),
        "ASC_FFT_LARGEST_FACTOR": max(4, *factors),
    }
    return FrontEndTables(defines, "\n".join(parts), size + 2 * weights)


def _factors(length: int) -> list[int]:
    """Return factors of a transform's length: fours first, as they cost least."""
    found = []
    for factor in (4, 2, *range(3, length + 1, 2)):
        while length % factor == 0:
            found.append(factor)
            length //= factor
    return found


def _mel(frontend: FrontEnd) -> tuple[int, str]:
    """Return the number of weights of all mel bands, and their tables."""
    n_fft, mels = frontend.n_fft, frontend.n_mels
    bank = filter_bank(frontend.sample_rate, n_fft, mels, frontend.fmin, frontend.highest)
    firsts, counts, weights, offsets = [], [], [], []
    # of a power: the transform is divided by its length, and the samples are integers
    scale = 2 * math.log2(n_fft / 2) + _LOWEST_BITS - 2 * _SAMPLE_BITS
    for band in bank.astype(np.float64):
        used = np.flatnonzero(band)
        first, end = (used[0], used[-1] + 1) if len(used) else (0, 0)
        largest = band.max() or 1.0
        firsts.append(first)
        counts.append(end - first)
        weights.append(np.rint(band[first:end] / largest * _WEIGHT_ONE))
        offsets.append(round((scale + math.log2(largest / _WEIGHT_ONE)) * _LOG_ONE))
    total = max(1, sum(counts))
    tables = [
        array(f"const uint16_t asc_mel_first[{mels}]", firsts),
        array(f"const uint16_t asc_mel_count[{mels}]", counts),
        array(f"const uint16_t asc_mel_weights[{total}]", np.concatenate([*weights, [0]])[:total]),
        array(f"const int32_t asc_mel_offset[{mels}]", offsets),
    ]
    return total, "\n".join(tables)
