"""The folder with the C code of a model: sources, golden answers, and how to build it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from asc_nas.audio.logmel import FrontEnd, log_mel
from asc_nas.core.documents import Count, Document
from asc_nas.core.errors import UsageError
from asc_nas.core.files import atomic_folder, write_text
from asc_nas.cost.memory import Memory, memory_of
from asc_nas.export.firmware.front_end_tables import front_end_tables
from asc_nas.export.firmware.model_source import model_source
from asc_nas.export.firmware.network_source import stored_bytes
from asc_nas.export.firmware.text import array
from asc_nas.export.integer.network import IntegerNetwork, feature_integers, probabilities
from asc_nas.runtime.card import ModelCard

GOLDEN_FILES = ("samples.i16", "log_mel.i16", "logits.i8")
_GOLDEN_ROWS = 4
Size = Annotated[int, Field(ge=1, le=2**26)]


class Kit(Document):
    """``kit.json``: what the code is of, and how the golden recordings lie in their files.

    Attributes
    ----------
    float_sha256 : str
        Of the ONNX file of the float model.
    networks : int
        More than one in a committee.
    mels, frames, samples, seconds : int and float
        Of one window.
    ram_bytes, network_bytes : int
        Static memory, front end included; weights and scales of all networks.
    golden_labels : list of int
        Python's answer to each golden recording, a place in `labels`.
    """

    format_name: ClassVar[str] = "asc-nas/kit/1"
    remedy: ClassVar[str] = "export the kit again"

    name: str
    labels: list[str] = Field(min_length=1)
    float_sha256: str
    networks: Size
    mels: Size
    frames: Size
    samples: Size
    seconds: float = Field(gt=0, allow_inf_nan=False)
    ram_bytes: Count
    network_bytes: Count
    golden_labels: list[Count] = Field(min_length=1)


@dataclass(frozen=True)
class Golden:
    """Recordings, and what the Python reference answers.

    Attributes
    ----------
    samples : (n, samples) int16
    log_mel : (n, mels, frames) int64
        In 1/128 dB.
    logits : (n, networks, classes) int64
    labels : (n,) int64
    """

    samples: NDArray[np.int16]
    log_mel: NDArray[np.int64]
    logits: NDArray[np.int64]
    labels: NDArray[np.int64]

    @classmethod
    def of(
        cls, samples: NDArray[np.int16], card: ModelCard, networks: Sequence[IntegerNetwork]
    ) -> "Golden":
        """Return the reference's answers to `samples`."""
        mel = feature_integers(log_mel(_wave(samples), card.frontend))
        logits = [network.logits(mel) for network in networks]
        scales = [network.last.target for network in networks]
        labels = probabilities(logits, scales, card.temperature).argmax(1)
        return cls(samples, mel, np.stack(logits, 1), labels)


def memory(networks: Sequence[IntegerNetwork], frontend: FrontEnd) -> Memory:
    """Return what the networks, one after the other, and the front end need."""
    needs = [memory_of(network.spec, frontend) for network in networks]
    return max(needs, key=lambda need: need.activations)


def write_kit(
    folder: Path,
    card: ModelCard,
    networks: Sequence[IntegerNetwork],
    samples: NDArray[np.int16],
    results: dict[str, Any],
) -> Kit:
    """Write the folder; return the content of its ``kit.json``.

    Parameters
    ----------
    folder : made if it is missing; a kit that is there is replaced
    card : of the float model
    networks : the model in integers
    samples : (n, samples) int16, n at least 1: recordings to compare on
    results : what was measured of the integers, for ``kit.json``

    Raises
    ------
    UsageError
        If the folder holds something else.
    AscNasError
        If the front end has no C code, see `front_end_tables`.
    """
    if folder.exists() and not (folder / "kit.json").is_file():
        raise UsageError(f"{folder}: is there and is no kit; move it, then export again.")
    header, source = model_source(card, networks)
    golden = Golden.of(samples, card, networks)
    need = memory(networks, card.frontend)
    kit = Kit(
        name=card.name,
        labels=list(card.labels),
        float_sha256=card.sha256,
        networks=len(networks),
        mels=card.frontend.n_mels,
        frames=card.frontend.frames,
        samples=card.frontend.samples,
        seconds=card.frontend.seconds,
        ram_bytes=need.total,
        network_bytes=sum(stored_bytes(network) for network in networks),
        golden_labels=golden.labels.tolist(),
        **results,
    )
    with atomic_folder(folder) as beside:
        sources = resources.files("asc_nas.export.firmware") / "sources"
        with resources.as_file(sources) as there:
            shutil.copytree(there, beside, dirs_exist_ok=True)
        write_text(beside / "src" / "asc_model.h", header)
        write_text(beside / "src" / "asc_model.c", source)
        write_text(beside / "test" / "golden.h", _golden_header(golden, card))
        (beside / "golden").mkdir()
        for name, values in zip(GOLDEN_FILES, _stored(golden), strict=True):
            values.tofile(beside / "golden" / name)
        readme = (beside / "README.md").read_text("utf-8")
        write_text(beside / "README.md", readme.format(**_figures(card, kit, need)))
        kit.write(beside / "kit.json")
    return kit


def _wave(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.divide(samples, 2**15, dtype=np.float32)


def _stored(golden: Golden) -> tuple[NDArray, ...]:
    return (
        golden.samples.astype("<i2"),
        golden.log_mel.transpose(0, 2, 1).astype("<i2"),
        golden.logits.astype("i1"),
    )


def _figures(card: ModelCard, kit: Kit, need: Memory) -> dict[str, Any]:
    tables = front_end_tables(card.frontend, card.name).bytes
    return {
        "name": card.name,
        "ram": f"{need.total:,}",
        "audio": f"{need.audio:,}",
        "features": f"{need.features:,}",
        "work": f"{max(need.activations, need.transform):,}",
        "stored": f"{kit.network_bytes:,}",
        "tables": f"{tables:,}",
        "rate": card.frontend.sample_rate,
        "classes": len(card.labels),
        "seconds": card.frontend.seconds,
        "hop": card.frontend.hop_length,
        "clips": len(kit.golden_labels),
        "licence": card.data.licence,
    }


def _golden_header(golden: Golden, card: ModelCard) -> str:
    """Return what the self-test compares with: log-mel of noise, and one recording's logits."""
    frontend = card.frontend
    heard = 1 + max(0, frontend.samples - frontend.n_fft // 2) // frontend.hop_length
    rows = min(_GOLDEN_ROWS, heard, frontend.frames)
    count = min(frontend.samples, (rows - 1) * frontend.hop_length + frontend.n_fft // 2)
    noise = feature_integers(log_mel(_wave(_noise(count)), frontend))[:, :rows].T
    first = golden.log_mel[0].T
    return "\n".join(
        [
            f"#define GOLDEN_ROWS {rows}",
            f"#define GOLDEN_SAMPLES {count}",
            array(f"static const int16_t golden_noise[{noise.size}]", noise),
            array(f"static const int16_t golden_log_mel[{first.size}]", first),
            array(f"static const int8_t golden_logits[{golden.logits[0].size}]", golden.logits[0]),
        ]
    )


def _noise(count: int) -> NDArray[np.int16]:
    """Return the noise of ``self_test.c``: a linear congruential generator's upper 14 bits."""
    state, found = 1, np.empty(count, np.int16)
    for place in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        found[place] = (state >> 18) - 8192
    return found
