"""Damaged archives: one sentence, and no wrong file."""

import random
import shutil

import pytest
from archive_makers import MAKERS, make_tar, make_zip, tree

from asc_nas.core.errors import AscNasError
from data_prep.download.archives import unpack


@pytest.mark.parametrize("name", [*MAKERS, "a.tar", "a.tar.xz"])
def test_a_damaged_archive_is_one_sentence_and_no_wrong_file(name, tmp_path, inside):
    rng = random.Random(0)
    noise = {f"S/{i}.wav": bytes(rng.choices(b"abcd", k=2000)) for i in range(3)}
    modes = {"a.tar": "w", "a.tar.xz": "w:xz"}
    maker = MAKERS.get(name, lambda path, files: make_tar(path, files, modes[name]))
    archive = maker(tmp_path / name, noise)
    good = archive.read_bytes()
    right = {path.removeprefix("S/"): content for path, content in noise.items()}
    damaged = [b"", b"this is no archive", good[: len(good) // 2], good[:30], b"?" + good]
    for _ in range(60):
        raw = bytearray(good)
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(raw))
    refused = []
    for content in damaged:
        archive.write_bytes(content)
        try:
            unpack(archive, inside)
        except AscNasError as error:
            refused.append(str(error))
        if name != "a.tar":  # which has no checksum over its contents
            found = tree(inside)
            assert all(found[path] in right.values() for path in found)
        shutil.rmtree(inside, ignore_errors=True)
    assert len(refused) >= 5
    assert all(name in text and "\n" not in text for text in refused)
    assert not any("while unpacking" in text for text in refused)  # that is for a bad disk


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [(b"ab.wav", 10, 99), (b"\xe9\xe9.wav", 9, 8)],
    ids=["unknown compression", "a name in no encoding"],
)
def test_a_garbled_table_of_contents(name, place, value, tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", {"S/ab.wav": b"x"})
    raw = bytearray(archive.read_bytes()).replace(b"ab.wav", name)
    raw[raw.index(b"PK\x01\x02") + place] = value
    archive.write_bytes(raw)
    with pytest.raises(AscNasError, match="not a whole"):
        unpack(archive, inside)
    assert tree(tmp_path) == {"a.zip": bytes(raw)}
