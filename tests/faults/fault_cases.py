"""What every test of faults needs: commands that run with a fault, and folders to compare."""

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from edited import document
from tiny import ENVIRONMENT, wait_until

from asc_nas.core.events import read_events

MANY = int(os.environ.get("ASC_NAS_FAULTS", "0"))
"""Faults of each kind in the long version, `make faults`; 0 is the short one."""

SMALL = {
    "supernet": {"epochs": 2, "checkpoint_every": 1},
    "search": {"population": 4, "generations": 2},
    "retrain": {"members": 1, "epochs": 1},
    "rank": {"networks": 4, "repeats": 1, "epochs": 1},
}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    printed: str
    said: str
    seconds: float
    operations: int

    def one_sentence(self):
        """Return its error: there is one, and no traceback."""
        assert self.code in (1, 2), f"exit code {self.code}: {self.said}"
        assert "Traceback" not in self.said, self.said
        errors = [line for line in self.said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.said
        assert errors[0].endswith("."), errors
        return errors[0]


class Server:
    """Runs commands, one after the other; see `fault_server`."""

    def __init__(self):
        script = Path(__file__).with_name("fault_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT | {"ASC_NAS_MODELS": ""},
        )
        self._answer()

    def begin(self, folder, arguments, **fault):
        """Start a command in `folder`; return its process id."""
        request = {"folder": str(folder), "arguments": [*map(str, arguments)], "fault": fault}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()["process"]

    def end(self, process):
        """Return how the command ended; all processes that it started end with it."""
        done = Done(**self._answer())
        wait_until(lambda: not session(process))
        return done

    def run(self, folder, arguments, **fault):
        """Run a command."""
        return self.end(self.begin(folder, arguments, **fault))

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "the server ended"
        return json.loads(line)


def session(leader):
    """Return the processes that a command started, it included, and their command lines."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] not in "ZX":
                found[int(stat.parent.name)] = stat.with_name("cmdline").read_text()
    return found


@dataclass(frozen=True)
class Step:
    """A command, the folder before it and the folder after it."""

    arguments: tuple
    before: Path
    after: Path
    whole: Done

    @property
    def name(self):
        return self.arguments[0]

    def moments(self, count, seed, part=1.0):
        """Return moments that are spread over the command, or over its first part.

        They are operations and times in turns.
        """
        rng = random.Random(f"{self.name} {seed}")
        for number in range(count):
            share = part * (number + rng.random()) / count
            if number % 2:
                yield {"at": 1 + int(share * self.whole.operations)}
            else:
                yield {"seconds": max(0.001, share * self.whole.seconds)}

    def operations(self, count, seed):
        """Return operations that are spread over the command."""
        rng = random.Random(f"{self.name} {seed}")
        for number in range(count):
            yield 1 + int((number + rng.random()) / count * self.whole.operations)


STEPS = ("run", "export", "rank", "report", "crossval", "ship")


@dataclass
class Steps:
    """Commands on a tiny set, each run once, when it is first asked for."""

    server: Server
    folder: Path
    config: Path
    _done: dict = field(default_factory=dict)

    @property
    def commands(self):
        """What each follows, and its arguments."""
        folds = ("--fold", 1, "--fold", 3)
        targets = ("--target", "c", "--target", "tflite", "--target", "onnx-audio")
        return {
            "run": (None, (self.config, "--out", "run", "--resume")),
            "export": ("run", ("run", "baseline", "--int8", *targets)),
            "rank": ("export", ("run",)),
            "report": ("rank", ("run", "--out", "report")),
            "crossval": (None, (self.config, *folds, "--network", "baseline", "--out", "cv")),
            "ship": ("crossval", ("cv", "baseline", "--int8")),
        }

    def __getitem__(self, name):
        if name not in self._done:
            follows, arguments = self.commands[name]
            after = self.folder / name
            if follows is None:
                before = self.folder / "empty"
                before.mkdir(exist_ok=True)
            else:
                before = self[follows].after
            copied(before, after)
            whole = self.server.run(after, (name, *arguments))
            assert whole.code == 0, whole.said
            self._done[name] = Step((name, *arguments), before, after, whole)
        return self._done[name]


class Faults:
    """Counts what was tried and what was survived; one that was not does not end the others."""

    def __init__(self, record):
        self._record, self.not_survived = record, []

    @contextlib.contextmanager
    def trial(self, kind, what):
        """Count a fault; give a list for the seconds of work that it cost."""
        lost, survived = [], True
        try:
            yield lost
        except AssertionError as error:
            survived = False
            self.not_survived.append(f"{kind}, {what}: {error}")
        self._record("fault", {"kind": kind, "survived": survived, "lost": lost})


def copied(folder, target):
    return shutil.copytree(folder, target, symlinks=True)


def _without_times(card):
    if card["quantization"] is None:  # the card of a float model was put here
        return card
    del card["quantization"]["latency_ms"]
    del card["quantization"]["float_latency_ms"]
    del card["quantization"]["speed_up"]
    return card


CHANGING = {
    r".*-int8\.json": lambda path: _without_times(document(path)),
    r"events\.jsonl": lambda path: sorted(
        ((event.key, event.values) for event in read_events(path)), key=repr
    ),
    r"report\.html": lambda path: re.sub(rb"data:audio/ogg;base64,[^\"]*", b"", path.read_bytes()),
    r"\.lock": lambda path: "",
}
"""What differs from one run to the next, without any fault, and is not compared: the times in the
cards of int8 models and in the log of events, and there the order of what is done side by side; the
number that an Ogg stream of the report gets by chance; and who holds a lock."""


def content(folder):
    """Return what a folder holds, by path, temporary files included."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            patterns = (read for form, read in CHANGING.items() if re.fullmatch(form, path.name))
            found[name] = next(patterns, Path.read_bytes)(path)
    return found


def differing(folder, whole):
    """Return the names of files that differ, or that only one of the two folders has."""
    here, there = content(folder), content(whole)
    return [name for name in {**here, **there} if here.get(name) != there.get(name)]


def go_on(server, step, folder, done):
    """Run the command again, to the same bytes; return the seconds of work that were repeated."""
    again = server.run(folder, step.arguments)
    assert again.code == 0, f"exit code {again.code}: {again.said}"
    assert not (other := differing(folder, step.after)), f"differ: {other}"
    return max(0.0, done.seconds + again.seconds - step.whole.seconds)
