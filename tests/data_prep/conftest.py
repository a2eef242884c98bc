import select
import socket
import threading

import pytest
from local_server import BODY, NAME, Site
from tiny import PATIENCE

from data_prep.download.transfer import Policy


@pytest.fixture
def site(monkeypatch):
    """A web server with one file."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Site() as server:
        server.files[NAME] = BODY
        yield server


@pytest.fixture
def impatient(site, monkeypatch):
    """Let a client run out of patience when the site falls silent, at once and never before.

    With a real timeout, a busy machine would be taken for a silent site.
    """
    read = socket.SocketIO.readinto

    def readinto(stream, buffer):
        while threading.current_thread() is threading.main_thread():  # the site has others
            silent = site.silent.is_set()
            if select.select([stream], [], [], 0.01)[0]:
                break
            if silent:
                site.silent.clear()
                raise TimeoutError("timed out")
        return read(stream, buffer)

    monkeypatch.setattr(socket.SocketIO, "readinto", readinto)


@pytest.fixture
def waits():
    return []


@pytest.fixture
def policy(waits):
    """Quick, and it notes its waits instead of waiting."""
    return Policy(tries=4, first_wait=0.01, timeout=PATIENCE, sleep=waits.append)


@pytest.fixture
def inside(tmp_path):
    """The folder to unpack into, some way down, so that what leaves it is seen."""
    return tmp_path / "one" / "two"
