"""Lists of clips: CSV and TSV, the lists of published sets, result files, manifests."""

import tempfile
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzz.case import Case, Kind, load
from fuzz.mutators import TOKENS, VALUES, mutated_bytes, mutated_text

CLIPS = tuple(f"{label}{number}.wav" for label in "ab" for number in range(4))
CSV = "path,label,group,start,duration\n" + "".join(
    f"{name},{name[0]},{name[1]},0,0.2\n" for name in CLIPS
)
RESULTS = "filename\tscene_label\ta\tb\n" + "".join(
    f"{name}\t{name[0]}\t0.25\t0.75\n" for name in CLIPS
)
TRUTH = "filename\tscene_label\tidentifier\tsource_label\n" + "".join(
    f"{name}\t{name[0]}\t{name[1]}\tm\n" for name in CLIPS
)
ESC50 = "filename,fold,target,category,esc10,src_file,take\n" + "".join(
    f"{n % 5 + 1}-{n}-A-{n % 2}.wav,{n % 5 + 1},{n % 2},{'ab'[n % 2]},True,{n},A\n"
    for n in range(10)
)
META = "filename\tscene_label\tidentifier\tsource_label\n" + "".join(
    f"audio/park-city-{n}-{n}-a.wav\tpark\tcity-{n}\ta\n" for n in range(6)
)


def _of_csv(rng: Random) -> Case:
    suffix = rng.choice(("csv", "csv", "tsv"))
    made, content = mutated_text(CSV.replace(",", "\t") if suffix == "tsv" else CSV, rng)
    name = f"list.{suffix}"
    call = rng.choice(
        (
            ("prepare", "csv", name),
            ("asc-nas", "init", name, "--no-check", "--out", "out/c.yaml"),
            ("asc-nas", "init", ".", "--no-check", "--out", "out/c.yaml"),
        )
    )
    return Case(made, call, {name: content}, "clips")


def _of_published(rng: Random) -> Case:
    if rng.random() < 0.4:
        made, content = mutated_text(ESC50, rng)
        return Case(made, ("prepare", "esc50", "."), {"meta/esc50.csv": content})
    head, test = "filename\tscene_label\n", "audio/park-city-1-1-a.wav"
    trained = "".join(f"audio/park-city-{n}-{n}-a.wav\tpark\n" for n in range(6) if n != 1)
    files = {
        "meta.csv": META,
        "evaluation_setup/fold1_train.csv": head + trained,
        "evaluation_setup/fold1_test.csv": f"filename\n{test}\n",
        "evaluation_setup/fold1_evaluate.csv": f"{head}{test}\tpark\n",
    }
    chosen = rng.choice(sorted(files))
    made, content = mutated_text(files[chosen], rng)
    written = {name: text.encode() for name, text in files.items()} | {chosen: content}
    reader = rng.choice(("tau_urban_2020_mobile", "tau_urban_2022_mobile", "tau_urban_2019"))
    return Case(f"{chosen} {made}", ("prepare", reader, "."), written)


def _of_results(rng: Random) -> Case:
    files = {"results.csv": RESULTS.encode(), "truth.csv": TRUTH.encode()}
    chosen = rng.choice(sorted(files))
    made, files[chosen] = mutated_text(files[chosen].decode(), rng)
    call = ("asc-nas", "evaluate", "--results", "results.csv", "--truth", "truth.csv")
    return Case(f"{chosen} {made}", call, files)


def _of_manifest(rng: Random) -> Case:
    made, content = rng.choice((_damaged, _other_cells))(rng)
    call = rng.choice(
        (
            ("asc-nas", "data", "check", "m.parquet", "--workers", "1"),
            ("asc-nas", "data", "check", "m.parquet", "--workers", "1", "--json", "out/c.json"),
            ("asc-nas", "features", "m.parquet", "--workers", "1", "--out", "out/features"),
            ("asc-nas", "evaluate", "--results", "results.csv", "--truth", "m.parquet"),
        )
    )
    return Case(made, call, {"m.parquet": content, "results.csv": RESULTS.encode()}, "clips")


def _damaged(rng: Random) -> tuple[str, bytes]:
    return mutated_bytes(_manifest(), rng)


def _other_cells(rng: Random) -> tuple[str, bytes]:
    """A whole Parquet file, without checksums, whose cells or header are something else."""
    import json

    import pyarrow as pa

    rows, header = _rows()
    column = rng.choice(sorted(rows))
    rows = dict(rows)
    change = rng.choice(("cell", "column", "lost", "renamed", "header"))
    if change == "header":
        header = dict(header) | {rng.choice(sorted(header)): rng.choice((*VALUES, *TOKENS))}
    elif change == "lost":
        del rows[column]
    elif change == "renamed":
        rows[rng.choice(TOKENS[:20])] = rows.pop(column)
    elif change == "column":
        value = rng.choice((*VALUES[:14], *TOKENS))
        rows[column] = [value] * len(CLIPS)
    else:
        kind = type(rows[column][0])
        near = [value for value in (*VALUES, *TOKENS) if isinstance(value, kind)]
        cells = list(rows[column])
        cells[rng.randrange(len(cells))] = rng.choice(near)
        rows[column] = cells
    try:
        table = pa.table(rows).replace_schema_metadata({"asc_nas": json.dumps(header)})
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError):
        return _damaged(rng)
    return f"{change} {column}", _parquet(table)


def _parquet(table: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


@lru_cache
def _manifest() -> bytes:
    from asc_nas.data.manifest import Clip, Manifest

    clips = tuple(Clip(name, name[0], group=name[1], duration=0.2) for name in CLIPS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.parquet"
        Manifest("made", Path(), ("a", "b"), clips).write(path)
        return path.read_bytes()


@lru_cache
def _rows() -> tuple[dict[str, Any], dict[str, Any]]:
    import io
    import json

    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(_manifest()))
    header = json.loads(table.schema.metadata[b"asc_nas"])
    for stamp in ("checksum", "columns", "rows"):
        del header[stamp]
    return table.to_pydict(), header


def write_clips(folder: Path) -> None:
    """Write the recordings that the lists name."""
    import soundfile

    folder.mkdir()
    for number, name in enumerate(CLIPS):
        noise = np.random.default_rng(number).normal(0, 0.1, 2400)
        soundfile.write(folder / name, noise, 8000)


def _of_list(rng: Random) -> Case:
    makers = (_of_csv, _of_csv, _of_published, _of_results)
    return rng.choice(makers)(rng)


def _prepare() -> None:
    load(
        *("asc_nas.cli.output.init_tables", "asc_nas.data.manifest", "asc_nas.run.scoring"),
        *("asc_nas.run.starter", "data_prep.checks", "data_prep.datasets", "data_prep.extraction"),
        *("data_prep.results.dcase_results", "pyarrow.parquet"),
    )


KINDS = (Kind("list", _of_list, _prepare), Kind("manifest", _of_manifest, _prepare))
