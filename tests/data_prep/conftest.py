import pytest
from local_server import BODY, NAME, Site

from data_prep.download.transfer import Policy


@pytest.fixture
def site(monkeypatch):
    """A web server with one file."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Site() as server:
        server.files[NAME] = BODY
        yield server


@pytest.fixture
def waits():
    return []


@pytest.fixture
def policy(waits):
    """Quick, and it notes its waits instead of waiting."""
    return Policy(tries=4, first_wait=0.01, timeout=0.25, sleep=waits.append)


@pytest.fixture
def inside(tmp_path):
    """The folder to unpack into, some way down, so that what leaves it is seen."""
    return tmp_path / "one" / "two"
