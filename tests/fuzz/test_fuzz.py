"""A fixed part of `make fuzz`, and that it would notice what it is there for."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asc_nas.core.errors import AscNasError
from fuzz import forked
from fuzz.calls import CALLS
from fuzz.case import Case
from fuzz.judge import CRASH, HANG, MEMORY, OK, SENTENCE, TRACEBACK, judge
from fuzz.kinds import KINDS

RUN = Path(__file__).with_name("run.py")


@pytest.mark.slow
def test_two_hundred_cases_end_in_an_answer_or_a_sentence(tmp_path):
    command = [sys.executable, RUN, "--count", "200", "--seed", "1", "--jobs", "2"]
    done = subprocess.run(
        [*command, "--keep", tmp_path / "kept"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (total,) = [line for line in done.stdout.splitlines() if line.startswith("all ")]
    assert total.split()[1] == "200"
    assert int(total.split()[2]) > 10  # some are good enough for an answer
    for kind in KINDS:
        assert f"\n{kind} " in done.stdout


def test_a_case_is_the_same_whenever_it_is_made():
    for kind in KINDS.values():
        assert kind.case(0, 3) == kind.case(0, 3)
        assert len({kind.case(0, number).made for number in range(20)}) > 1


def _allocate():
    held = [bytearray(b"x" * (1 << 20)) for _ in range(400)]
    print(len(held))


def _hang():
    while True:
        time.sleep(0)


def _fail():
    raise ValueError("surprise")


def _refuse():
    print("error: x: no such file; check the path.", file=sys.stderr)
    sys.exit(2)


def _write_elsewhere():
    Path("../outside").write_text("x")


def _write_inside():
    Path("out/x").write_text("x")


FAULTS = {
    "an uncaught error": (_fail, TRACEBACK),
    "an endless loop": (_hang, HANG),
    "much memory": (_allocate, MEMORY),
    "a file elsewhere": (_write_elsewhere, CRASH),
    "a process that dies": (lambda: os._exit(42), CRASH),
    "no word": (lambda: sys.exit(1), SENTENCE),
    "an escape sequence": (lambda: print("a\x1b[2Jb"), SENTENCE),
    "a traceback that is told of": (
        lambda: print("error: x: unexpected KeyError ('a'); report this."),
        TRACEBACK,
    ),
    "one sentence": (_refuse, OK),
    "an answer": (_write_inside, OK),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_fine_is_noticed_and_nothing_else(tmp_path, monkeypatch, fault):
    call, verdict = FAULTS[fault]
    monkeypatch.setitem(CALLS, "made up", call)
    monkeypatch.setattr(forked, "HANG_SECONDS", 1)
    case = Case("made up", ("made up",), {"x": b"x"})
    outcome = forked.run(case, tmp_path, tmp_path / "case", megabytes=100)
    assert outcome.verdict == verdict, outcome
    assert not (tmp_path / "case").exists()


def test_a_sentence_of_any_length_is_too_long_but_ours_are_cut():
    text = str(AscNasError("x" * 100_000 + "; remove it."))
    assert text.endswith("; remove it.")
    assert judge(1, f"error: {text}\n", 0, 1) == (OK, "")
    assert judge(1, f"error: {'x' * 100_000}\n", 0, 1)[0] == SENTENCE
