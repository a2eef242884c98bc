"""Every file of a finished run, damaged: the commands that read it say so, or give what they gave.

A command may end with a sentence; it may do its work and name the damaged file, as a report does
that leaves a part out; or what it prints and writes is as if there were no damage.
"""

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from fault_cases import MANY, Done, copied, differing

pytestmark = pytest.mark.slow


def truncate(file, other, rng):
    os.truncate(file, rng.randrange(file.stat().st_size))


def empty(file, other, rng):
    os.truncate(file, 0)


def flip(file, other, rng):
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def swap(file, other, rng):
    own = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(own)


def remove(file, other, rng):
    file.unlink()


DAMAGES = (truncate, empty, flip, swap, remove)
QUICK = (
    ("evaluate", "run", "baseline", "--json", "scores.json"),
    ("evaluate", "run", "run/models/tiny-best.onnx"),
    ("classify", "unseen.flac", "--model", "run/models/tiny-best.onnx"),
    ("classify", "unseen.flac", "--model", "run/models/tiny-baseline-int8.onnx"),
    ("models", "show", "run/models/tiny-baseline-int8.onnx"),
    ("search", "run"),
    ("train", "run", "0", "baseline"),
)
SLOW = (
    ("rank", "run"),
    ("export", "run", "baseline"),
    ("report", "run", "--out", "page"),
    ("run", "run", "--resume"),
)
COMMANDS = QUICK + SLOW if MANY else QUICK


@dataclass(frozen=True)
class Reader:
    """A command on a whole run, what it left, and the files that it read."""

    command: tuple
    done: Done
    after: Path
    reads: frozenset


@pytest.fixture(scope="module")
def whole(steps, recordings, tmp_path_factory):
    """Give the folder with a finished run, and a recording to be classified."""
    step = steps["report" if MANY else "export"]
    folder = copied(step.after, tmp_path_factory.mktemp("whole") / "whole")
    shutil.copy(next((recordings / "unseen").iterdir()), folder / "unseen.flac")
    return folder


@pytest.fixture(scope="module")
def readers(server, whole, tmp_path_factory):
    found = []
    for number, command in enumerate(COMMANDS):
        after = copied(whole, tmp_path_factory.mktemp("reader") / str(number))
        files = files_of(after)
        for file in files:
            os.utime(file, ns=(0, file.stat().st_mtime_ns))
        done = server.run(after, command)
        assert done.code == 0, done.said
        reads = frozenset(
            file.relative_to(after)
            for file in files
            if not file.exists() or file.stat().st_atime_ns
        )
        found.append(Reader(command, done, after, reads))
    return found


def files_of(folder):
    return [file for file in sorted((folder / "run").rglob("*")) if file.is_file()]


def partner(file, files, rng):
    """Return the file to swap it with: one of the same kind, if there is one."""
    others = [other for other in files if other != file and other.read_bytes() != file.read_bytes()]
    alike = [other for other in others if other.name == file.name]
    alike = alike or [other for other in others if other.suffix == file.suffix]
    return rng.choice(alike or others)


def judge(server, reader, folder, damaged):
    """Run the command in a folder with damaged files; it must not be wrong silently."""
    done = server.run(folder, reader.command)
    assert "Traceback" not in done.said, done.said
    if done.code:
        done.one_sentence()
        return
    changed = [name for name in differing(folder, reader.after) if Path(name) not in damaged]
    if changed or done.printed != reader.done.printed:
        names = {part for file in damaged for part in (str(file), str(file.parent))}
        said = done.said + done.printed
        assert any(name in said for name in names), f"{changed} changed: {said}"


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_noticed_or_harmless(server, whole, readers, faults, tmp_path, damage):
    rng = random.Random(damage.__name__)
    for file in files_of(whole):
        if not file.stat().st_size:
            continue
        name = file.relative_to(whole)
        other = partner(file, files_of(whole), rng)
        broken = copied(whole, tmp_path / "broken")
        damage(broken / name, broken / other.relative_to(whole), rng)
        damaged = {name, other.relative_to(whole)} if damage is swap else {name}
        for reader in readers:
            if damage is remove and reader.command[0] == "report":
                continue  # a report is of what there is
            if damaged & reader.reads:
                folder = copied(broken, tmp_path / "folder")
                with faults.trial(f"file: {damage.__name__}", f"{name}, {reader.command}"):
                    judge(server, reader, folder, damaged)
                shutil.rmtree(folder)
        shutil.rmtree(broken)


@pytest.mark.skipif(not MANY, reason="in the long version, make faults")
def test_a_damaged_file_of_a_stopped_run_is_noticed_or_harmless(server, steps, faults, tmp_path):
    step, rng = steps["run"], random.Random("stopped")
    for at in step.operations(MANY // 6, "stopped"):
        stopped = copied(step.before, tmp_path / "stopped")
        server.run(stopped, step.arguments, at=at, do="kill")
        files = [file for file in files_of(stopped) if file.stat().st_size]
        for file in files:
            folder, damage = copied(stopped, tmp_path / "folder"), rng.choice(DAMAGES)
            name, other = (one.relative_to(stopped) for one in (file, partner(file, files, rng)))
            damage(folder / name, folder / other, rng)
            damaged = {name, other} if damage is swap else {name}
            reader = Reader(step.arguments, step.whole, step.after, frozenset())
            with faults.trial("file of a stopped run", f"{name}, {damage.__name__}, {at}"):
                judge(server, reader, folder, damaged)
            shutil.rmtree(folder)
        shutil.rmtree(stopped)
