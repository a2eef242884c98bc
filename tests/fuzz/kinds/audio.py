"""Audio files: mutated ones of every container, and headers made with intent."""

import io
import struct
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import soundfile
from mutations import COUNTS, huge_claim, ogg_checksum, zero_frames

from fuzz.case import Case, Kind, load
from fuzz.mutators import NUMBERS, mutated_bytes

RATE = 8000
SECONDS = 0.7
WRITTEN: dict[str, dict[str, str]] = {
    "wav": {"format": "WAV", "subtype": "PCM_16"},
    "24.wav": {"format": "WAVEX", "subtype": "PCM_24"},
    "float.wav": {"format": "WAV", "subtype": "FLOAT"},
    "adpcm.wav": {"format": "WAV", "subtype": "IMA_ADPCM"},
    "rf64": {"format": "RF64", "subtype": "PCM_16"},
    "w64": {"format": "W64", "subtype": "PCM_16"},
    "aiff": {"format": "AIFF", "subtype": "PCM_16"},
    "au": {"format": "AU", "subtype": "PCM_16"},
    "caf": {"format": "CAF", "subtype": "PCM_16"},
    "flac": {"format": "FLAC", "subtype": "PCM_16"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
}
RATES = (0, 1, 7, 99, 100, 8000, 44_100, 192_000, 10**7, 2**31 - 1, 2**32 - 1)
CHANNELS = (0, 1, 2, 6, 60, 255, 256, 257, 1024, 65_535)


@lru_cache
def written(name: str) -> bytes:
    """Return a good file."""
    rng = np.random.default_rng(len(name))
    wave = rng.normal(0, 0.1, (round(SECONDS * RATE), 1 + len(name) % 2))
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, RATE, **WRITTEN[name])
    return buffer.getvalue()


def _mutated(rng: Random) -> tuple[str, str, bytes]:
    name = rng.choice(list(WRITTEN))
    kind = name.rpartition(".")[2]
    if kind in ("wav", "flac", "ogg", "mp3") and rng.random() < 0.3:
        changes = [c for c in COUNTS if c not in (zero_frames, huge_claim) or "." not in name]
        change = rng.choice(changes)
        return change.__name__, kind, change(written(name), rng, kind)
    made, content = mutated_bytes(written(name), rng)
    if kind in ("ogg", "opus") and rng.random() < 0.5:  # so that the pages' contents are looked at
        made, content = f"{made}, summed", _summed(content)
    return made, kind, content


def _summed(content: bytes) -> bytes:
    start, *parts = content.split(b"OggS")
    pages = [bytearray(b"OggS" + part) for part in parts]
    for page in pages[:4]:
        if len(page) >= 27:
            page[22:26] = bytes(4)
            page[22:26] = struct.pack("<I", ogg_checksum(page))
    return start + b"".join(pages)


def _wav(rng: Random) -> tuple[str, str, bytes]:
    """A WAV file whose header says what it likes."""
    bits, tag = rng.choice((0, 1, 8, 16, 24, 32, 64)), rng.choice((1, 3, 6, 7, 0x11, 0x55, 0xFFFE))
    rate, channels = rng.choice(RATES), rng.choice(CHANNELS)
    align = rng.choice((channels * bits // 8, 0, 1, 65_535)) & 0xFFFF
    data = rng.randbytes(rng.choice((0, 1, 1000, 40_000, 200_000)))
    said = rng.choice((len(data),) * 6 + NUMBERS)
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    extra = rng.choice((b"", b"\0\0", b"\x16\0" + bytes(22)))
    chunks = [(b"fmt ", head + extra, len(head + extra)), (b"data", data, said)]
    other = (rng.choice((b"LIST", b"id3 ", b"cue ", b"fact", b"smpl", b"bext", b"fmt ")),
             rng.randbytes(rng.choice((0, 5, 700))), rng.choice((4, *NUMBERS)))  # fmt: skip
    chunks[rng.randrange(3) : 0] = [other] * rng.choice((0, 0, 1, 3, 2000))
    body = b"".join(name + struct.pack("<I", size) + part for name, part, size in chunks)
    form = rng.choice((b"RIFF",) * 5 + (b"RIFX", b"RF64"))
    content = form + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
    return f"{rate} Hz x {channels}", "wav", content


def _plain(rng: Random) -> tuple[str, str, bytes]:
    """AU, AIFF and CAF files of any rate, number of channels and length."""
    rate, channels = rng.choice(RATES), rng.choice(CHANNELS)
    data, said = rng.randbytes(rng.choice((0, 1000, 100_000))), rng.choice(NUMBERS)
    bits = rng.choice((8, 16, 24, 32))
    kind = rng.choice(("au", "aiff", "caf"))
    if kind == "au":
        encoding = rng.choice((1, 2, 3, 6, 23, 27, 99))
        content = struct.pack(">4s5I", b".snd", rng.choice((24, 28, said)), said, encoding, rate,
                              channels) + data  # fmt: skip
    elif kind == "aiff":
        exponent = rng.choice((0, 16_383, 16_398, 0x7FFF, 0xFFFF))
        mantissa = rng.getrandbits(64) | 1 << 63
        common = struct.pack(">HIHHQ", channels, said, bits, exponent, mantissa)
        sound = struct.pack(">II", 0, 0) + data
        body = b"COMM" + struct.pack(">I", len(common)) + common
        body += b"SSND" + struct.pack(">I", rng.choice((len(sound), said))) + sound
        content = b"FORM" + struct.pack(">I", 4 + len(body)) + b"AIFF" + body
    else:
        frame = channels * bits // 8
        about = struct.pack(">d4s5I", rng.choice((float(rate), float("nan"), 1e300, -8000.0)),
                            rng.choice((b"lpcm", b"alac", b"ulaw")), rng.choice((0, 1, 2)),
                            frame, 1, channels, bits)  # fmt: skip
        content = b"caff\0\1\0\0desc" + struct.pack(">q", 32) + about
        size = struct.pack(">q", rng.choice((-1, len(data) + 4, said)))
        content += b"data" + size + bytes(4) + data
    return f"{kind}, {rate} Hz x {channels}", kind, content


def _flac(rng: Random) -> tuple[str, str, bytes]:
    """A FLAC file whose first block says another rate, number of channels or length."""
    content = bytearray(written("flac"))
    rate, channels = rng.choice(RATES) & 0xFFFFF, rng.randrange(8)
    bits, length = rng.randrange(32), rng.choice((0, 1, 5600, 2**35, 2**36 - 1))
    said = rate << 44 | channels << 41 | bits << 36 | length
    content[18:26] = said.to_bytes(8, "big")
    if rng.random() < 0.5:
        content[8:12] = struct.pack(">HH", rng.choice((0, 16, 65_535)), rng.choice((0, 16, 65_535)))
    picture = bytes((rng.randrange(127),)) + rng.choice((10, 0xFFFFFF)).to_bytes(3, "big")
    blocks = picture * rng.choice((0, 0, 1, 500))
    return f"{rate} Hz x {channels + 1}", "flac", bytes(content[:42] + blocks + content[42:])


def _mp3(rng: Random) -> tuple[str, str, bytes]:
    """An MP3 file behind tags, with other bytes between its frames."""
    size = rng.choice((0, 10, 2**21, 2**28 - 1))
    packed = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\4\0\0" + packed
    parts = [tag * rng.choice((0, 1, 20_000)), written("mp3"), b"\xff" * rng.choice((0, 300_000))]
    rng.shuffle(parts)
    return "tags and other bytes", "mp3", b"".join(parts)


def _large(rng: Random) -> tuple[str, str, bytes]:
    """Much audio in few bytes: silence in FLAC, or at the lowest rate there is."""
    buffer = io.BytesIO()
    rate = rng.choice((100, 1000, 8000, 96_000))
    seconds = min(rng.choice((60, 3600)), 3_000_000 / rate)
    channels = rng.choice((1, 2, 8))
    soundfile.write(buffer, np.zeros((round(rate * seconds / channels), channels)), rate,
                    format="FLAC", subtype="PCM_16")  # fmt: skip
    return f"{seconds:g} s at {rate} Hz", "flac", buffer.getvalue()


def _made(rng: Random) -> tuple[str, str, bytes]:
    makers: tuple[Any, ...] = (_mutated,) * 10 + (_wav,) * 5 + (_plain,) * 3 + (_flac, _flac, _mp3)
    return (_large if rng.random() < 0.02 else rng.choice(makers))(rng)


def _case(rng: Random) -> Case:
    made, suffix, content = _made(rng)
    name = f"x.{rng.choice((suffix, suffix, 'wav', 'mp3'))}"
    call = rng.choice(
        (
            ("asc-nas", "classify", name, "--model", "toy.onnx"),
            ("asc-nas", "classify", name, "--model", "esc10-tiny", "--format", "json"),
            ("asc-nas", "classify", name, "--model", "toy.onnx", "--hop", "0.1", "--merge", "0"),
            ("prepare", "csv", "list.csv"),
            ("asc-nas", "data", "check", "m.parquet", "--workers", "1"),
            ("asc-nas", "features", "m.parquet", "--workers", "1", "--out", "out/features"),
            ("listen", name, "--model", "toy.onnx"),
        )
    )
    return Case(f"{made} as {name}", call, {name: content} | _around(name), "model")


def _around(name: str) -> dict[str, bytes]:
    return {"list.csv": f"path,label\n{name},a\na.wav,b\n".encode(), "m.parquet": _manifest(name)}


@lru_cache
def _manifest(name: str) -> bytes:
    import tempfile
    from pathlib import Path

    from asc_nas.data.manifest import Clip, Manifest

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.parquet"
        Manifest("made", Path(), ("a",), (Clip(name, "a"),)).write(path)
        return path.read_bytes()


def _prepare() -> None:
    load(
        *("asc_nas.cli.output.classify_tables", "asc_nas.data.manifest", "asc_nas.runtime.listen"),
        *("asc_nas.runtime.recordings", "data_prep.checks", "data_prep.datasets"),
        *("data_prep.extraction", "pyarrow.parquet"),
    )


KINDS = (Kind("audio", _case, _prepare),)
