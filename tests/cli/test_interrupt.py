"""Ctrl-C where Python would print it and go on: in a callback of a C library, in a destructor."""

import io
import signal
import sys
import time

import numpy as np
import pytest
import soundfile

from asc_nas.cli import main as command_line
from asc_nas.cli.interrupt import none_lost


class Interrupted(io.BytesIO):
    """Is interrupted while libsndfile writes to it."""

    done = False

    def write(self, data):
        if not self.done:
            self.done = True
            signal.raise_signal(signal.SIGINT)
        return super().write(data)


def encode():
    soundfile.write(Interrupted(), np.zeros(16000), 16000, format="OGG", subtype="VORBIS")


class Destroyed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def work(happens):
    happens()
    time.sleep(60)


@pytest.fixture
def printed(monkeypatch):
    """What Python would have printed as ignored; Ctrl-C ends a test even where tests ignore it."""
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: seen.append(ignored.exc_type))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield seen
    signal.signal(signal.SIGINT, before)


def test_without_it_one_in_a_callback_is_lost(printed):
    encode()
    assert printed == [KeyboardInterrupt]


@pytest.mark.parametrize("happens", [encode, Destroyed])
def test_one_in_a_callback_or_a_destructor_comes_right_after(printed, happens):
    with pytest.raises(KeyboardInterrupt), none_lost():
        work(happens)
    assert printed == []


def test_every_command_does_so_and_leaves_nothing_behind(printed, monkeypatch):
    before = sys.unraisablehook
    monkeypatch.setattr(command_line, "app", lambda arguments: work(encode))
    with pytest.raises(KeyboardInterrupt):
        command_line.main(["doctor"])
    assert printed == []
    assert sys.unraisablehook is before


def test_what_else_is_ignored_is_still_told(printed):
    class Fails:
        def __del__(self):
            raise ValueError("no")

    with none_lost():
        Fails()
    assert printed == [ValueError]
