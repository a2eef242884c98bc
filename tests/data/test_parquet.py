"""Tables with checksums: every flipped bit is noticed, or is none of the content."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.search.history import read_generations, write_history
from asc_nas.search.objectives import Evaluation
from asc_nas.space.genotype import Genotype

GENOTYPES = ("t3e2w1 f3e2w1", "t5e2w1 f3e2w1", "t3e3w1 skip")


def manifest(root):
    clips = (
        Clip(f"{label}/{number}.wav", label, fold=str(number), role="train")
        for label in ("bus", "tram")
        for number in range(8)
    )
    return Manifest("toy", root, ("bus", "tram"), tuple(clips))


def written_manifest(folder):
    manifest(Path("recordings")).write(folder / "m.parquet")  # the same bytes in every folder
    return folder / "m.parquet", Manifest.read


def written_history(folder):
    evaluations = [
        Evaluation(Genotype.parse(text), macro_f1=0.1 * i, log_loss=1.0, accuracy=0.5, macs=i,
                   params=i) for i, text in enumerate(GENOTYPES)
    ]  # fmt: skip
    write_history(folder / "h.parquet", [evaluations, evaluations[:1]], {"supernet": "x"})
    return folder / "h.parquet", read_generations


@pytest.mark.parametrize("written", [written_manifest, written_history])
def test_a_flipped_bit_is_noticed_or_harmless(tmp_path, written):
    path, read = written(tmp_path)
    content, right = path.read_bytes(), read(path)
    noticed = 0
    for place in np.random.default_rng(0).integers(8 * len(content), size=600):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            assert read(path) == right, place
        except AscNasError as error:
            noticed += 1
            told = str(error)
            assert told.startswith(f"{path}: ")
    assert noticed > 300


@pytest.mark.parametrize("size", [0, 3, 100, -100, -1])
@pytest.mark.parametrize("written", [written_manifest, written_history])
def test_a_cut_file_is_noticed(tmp_path, written, size):
    path, read = written(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(AscNasError, match=path.name):
        read(path)


def test_a_manifest_from_before_there_were_checksums_is_read(tmp_path):
    path, read = written_manifest(tmp_path)
    table = pq.read_table(path)
    header = table.schema.metadata[b"asc_nas"]
    header = header[: header.index(b', "checksum"')] + b"}"
    pq.write_table(table.replace_schema_metadata({b"asc_nas": header}), path)
    assert read(path) == manifest(Path("recordings"))


def test_a_column_of_another_type_is_noticed(tmp_path):
    path, read = written_manifest(tmp_path)
    table = pq.read_table(path)
    place = table.schema.get_field_index("label")
    changed = table.set_column(place, "label", table["label"].cast(pa.binary()))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(AscNasError, match="not an asc-nas manifest"):
        read(path)


def test_a_table_of_something_else_is_refused(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "m.parquet")
    with pytest.raises(AscNasError, match="not an asc-nas manifest"):
        Manifest.read(tmp_path / "m.parquet")


@pytest.mark.parametrize("label", ["a\x1b[2Jb", "a\nb", "a\ud800b", "x" * 201])
def test_a_label_that_no_card_takes_is_refused_before_the_work(tmp_path, label):
    with pytest.raises(AscNasError, match="rename it"):
        Manifest("toy", tmp_path, ("bus", label), ())


THREADS = """
import os, sys
from pathlib import Path
import pyarrow.parquet
from asc_nas.data.manifest import Manifest
before = len(os.listdir("/proc/self/task"))
Manifest.read(Path(sys.argv[1]))
print(before, len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_reading_leaves_no_thread_behind_that_could_end_the_process(tmp_path):
    file, _ = written_manifest(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", THREADS, file], capture_output=True, text=True, check=True
    )
    before, after = done.stdout.split()
    assert before == after
