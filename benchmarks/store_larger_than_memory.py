"""One epoch of a tiny network from a feature store that is larger than the memory it may use.

python benchmarks/store_larger_than_memory.py [--gigabytes 8] [--limit 512] [--folder FOLDER]

The limit (MB above what is held before training) is set with RLIMIT_DATA, which on Linux counts
private memory that is written to (what NumPy and PyTorch allocate) and not the pages of a file that
is mapped for reading: those the kernel drops and reads again as it likes. RLIMIT_AS would count the
map itself. The peer is the same store read into memory, which the limit refuses. The store is
sparse: one row in 64 holds noise, the others take no room on the disk, but are read as any other.

"anonymous" (RssAnon) is what would have to be swapped, "file" (RssFile) what the kernel may drop.
"""

import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zlib import crc32

import numpy as np
import timing
import typer

from asc_nas.audio.logmel import PRESETS
from asc_nas.data.augment import AugmentConfig
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import CHECKSUMS, FEATURES, FeatureStore, Index
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import Skeleton
from asc_nas.training.network_trainer import train_network
from asc_nas.training.trainer import TrainConfig, Trainer
from data_prep.feature_writer import create_arrays

FRONT_END = PRESETS["esc10"]
LABELS = ("a", "b")
FILLED = 64
SKELETON = Skeleton.model_validate(
    {
        "stem": [{"channels": 4, "kernel": 3, "stride": [4, 8]}],
        "stages": [{"channels": 8, "strides": [[2, 2]]}],
    }
)


def make_store(folder: Path, gigabytes: float) -> Manifest:
    example = 2 * FRONT_END.n_mels * FRONT_END.frames
    clips = tuple(
        Clip(f"{number}.wav", LABELS[number % 2], role="train")
        for number in range(int(gigabytes * 1e9 / example))
    )
    index = Index(
        FRONT_END.model_dump(),
        FRONT_END.fingerprint,
        "made up",
        tuple(clip.key for clip in clips),
        (1,) * len(clips),
        complete=True,
    )
    create_arrays(folder, index, FRONT_END)
    features = np.load(folder / FEATURES, mmap_mode="r+")
    checksums = np.load(folder / CHECKSUMS, mmap_mode="r+")
    checksums[:] = crc32(features[0].data)
    rng = np.random.default_rng(0)
    for row in range(0, len(clips), FILLED):
        features[row] = rng.normal(-50, 10, features.shape[1:])
        checksums[row] = crc32(features[row].data)
    features.flush()
    return Manifest("made up", folder, LABELS, clips)


def status(*names: str) -> list[float]:
    """Return fields of this process's status, in MB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [int(lines[name].split()[0]) * 1024 / 1e6 for name in names]


def train(examples: Examples, folder: Path) -> float:
    """Train one epoch and return its loss."""
    spec = resolve(
        Genotype.parse("t3e2w1"), SKELETON, (FRONT_END.n_mels, FRONT_END.frames), len(LABELS)
    )
    config = TrainConfig(epochs=1, batch_size=256, augment=AugmentConfig(mixup_alpha=0))
    state = folder / f"{len(examples)}.safetensors"
    _, log = train_network(spec, examples, Trainer(config, 0, state))
    return log[-1].loss


def few(examples: Examples, count: int) -> Examples:
    """Return the first examples alone."""
    names = ("rows", "targets", "clips", "clip_keys")
    return replace(examples, **{name: getattr(examples, name)[:count] for name in names})


def run(folder: Path, gigabytes: float, limit: int) -> None:
    manifest = make_store(folder / "features", gigabytes)
    store = FeatureStore.open(folder / "features", FRONT_END)
    examples = Examples.load(manifest, store, ["train"])
    train(few(examples, 512), folder)  # libraries load, and threads start, before the limit is set

    allowed = int((status("VmData")[0] + limit) * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    print(f"store: {len(examples)} examples, {store.features.nbytes / 1e9:.1f} GB; ", end="")
    print(f"limit: {limit} MB more than before training")
    try:
        np.array(store.features)
        print("peer, read into memory: fits; choose a larger store or a lower limit")
    except MemoryError:
        print("peer, read into memory: MemoryError")

    start = time.perf_counter()

    def held() -> tuple[float, float, float]:
        return (time.perf_counter() - start, *status("RssAnon", "RssFile"))

    before = status("RssAnon")[0]
    with timing.sampled(held) as samples:
        loss = train(examples, folder)
    seconds = time.perf_counter() - start
    print(f"memory map: one epoch in {seconds:.1f} s, loss {loss:.3f}, {before:.0f} MB before")
    print("tenth  anonymous MB (largest)  file MB (largest)")
    for tenth in range(10):
        part = [s for s in samples if tenth <= 10 * s[0] / seconds < tenth + 1]
        if part:
            anonymous, file = max(s[1] for s in part), max(s[2] for s in part)
            print(f"{tenth + 1:5d}  {anonymous:22.0f}  {file:17.0f}")


def main(
    gigabytes: float = 8,
    limit: Annotated[int, typer.Option(metavar="MB")] = 512,
    folder: Annotated[
        Path | None, typer.Option(help="where the sparse store may lie for the while")
    ] = None,
) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        run(Path(place), gigabytes, limit)


if __name__ == "__main__":
    timing.run(main)
