"""Working copies of a folder at a URL: two machines, one store in memory."""

import os
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed (pip install 'asc-nas[remote]')")

from fsspec.implementations.memory import MemoryFileSystem
from tiny import wait_until

from asc_nas.core.errors import AscNasError
from asc_nas.core.progress import Listener
from asc_nas.remote import lease, mirror
from asc_nas.remote.bucket import Bucket
from asc_nas.remote.lease import LEASE, Leased
from asc_nas.remote.mirror import Mirror

URL = "memory://bucket/runs/a"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Wait for nothing, and begin with nothing."""
    monkeypatch.setattr(lease, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(lease, "LOST_SECONDS", 0.3)
    monkeypatch.setattr(mirror, "PUSH_SECONDS", 0.01)
    monkeypatch.setattr(mirror, "PAUSES", (0, 0))
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def machine(tmp_path):
    """Give the mirror of a machine, as a new process has it."""

    def opened(name="one", url=URL, **options):
        return Mirror(Bucket(url), tmp_path / name, **options)

    return opened


def remote(url=URL):
    """What lies at the URL, without what is ours."""
    root = url.removeprefix("memory:/") + "/"
    return {
        path.removeprefix(root): bytes(file.getbuffer())
        for path, file in MemoryFileSystem.store.items()
        if path.startswith(root) and LEASE not in path
    }


def local(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def write(mirrored, **files):
    for name, text in files.items():
        target = mirrored.folder / name.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.tmp")
        beside.write_text(text)
        beside.replace(target)


def work(mirrored, **files):
    """Open, as a command does, and write."""
    mirrored.pull()
    with mirrored.kept():
        write(mirrored, **files)


class Told(Listener):
    def __init__(self):
        super().__init__()
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_another_machine_gets_what_one_wrote(machine):
    work(machine("one"), a="1", b__c="2")
    assert remote() == {"a": b"1", "b/c": b"2"}
    other = machine("other")
    other.pull()
    assert local(other.folder) == {"a": b"1", "b/c": b"2"}


def test_changes_and_deletions_go_both_ways(machine):
    work(machine("one"), a="1", b="2", c="3")
    other = machine("other")
    other.pull()
    with other.kept():
        write(other, b="new")
        (other.folder / "c").unlink()
    assert remote() == {"a": b"1", "b": b"new"}
    again = machine("one")
    again.pull()
    assert local(again.folder) == {"a": b"1", "b": b"new"}


def test_nothing_is_fetched_or_uploaded_twice(machine, monkeypatch):
    moved = []
    for name in ("get", "put"):
        original = getattr(Bucket, name)

        def noted(self, first, second, *rest, name=name, original=original):
            moved.append((name, min(str(first), str(second), key=len)))
            return original(self, first, second, *rest)

        monkeypatch.setattr(Bucket, name, noted)
    work(machine("one"), a="1", b="2")
    work(machine("one"), c="3")
    work(machine("other"), d="4")
    machine("other").pull()
    machine("one").pull()
    files = [move for move in moved if move[1] != LEASE]
    one, other = [("put", "a"), ("put", "b"), ("put", "c")], [("get", n) for n in "abc"]
    assert files == [*one, *other, ("put", "d"), ("get", "d")]


def test_files_are_uploaded_in_the_order_of_writing_and_deletions_after(machine, monkeypatch):
    mirrored, done = machine(), []
    mirrored.pull()
    monkeypatch.setattr(mirror, "PUSH_SECONDS", 1000)  # all at the end
    with mirrored.kept():
        write(mirrored, gone="0")
    with mirrored.kept():
        write(mirrored, z="1", y="2", x="3")
        for place, name in enumerate("zyx"):
            os.utime(mirrored.folder / name, ns=(place, place))
        (mirrored.folder / "gone").unlink()
        put, remove = Bucket.put, Bucket.remove
        monkeypatch.setattr(Bucket, "put", lambda *a: (done.append(a[2]), put(*a)))
        monkeypatch.setattr(Bucket, "remove", lambda *a: (done.append(a[1]), remove(*a)))
    assert [name for name in done if name != LEASE] == ["z", "y", "x", "gone"]


def test_files_are_uploaded_while_work_goes_on(machine):
    mirrored = machine()
    with mirrored.kept():
        write(mirrored, a="1")
        wait_until(lambda: remote() == {"a": b"1"})
        write(mirrored, a="22")
        wait_until(lambda: remote() == {"a": b"22"})
        (mirrored.folder / "a").unlink()
        wait_until(lambda: not remote())


def test_what_is_hidden_linked_or_unfinished_stays_here(machine, tmp_path):
    mirrored = machine(is_unfinished=lambda folder: folder.name == "growing")
    mirrored.pull()
    with mirrored.kept():
        write(mirrored, a="1", growing__big="2", growing__below__b="3")
        (mirrored.folder / ".lock").write_text("4")
        (tmp_path / "else").mkdir()
        (tmp_path / "else" / "c").write_text("5")
        (mirrored.folder / "link").symlink_to(tmp_path / "else")
        (mirrored.folder / "file").symlink_to(tmp_path / "else" / "c")
    assert remote() == {"a": b"1"}


def test_a_second_machine_is_told_in_a_sentence(machine):
    told = Told()
    first, second = machine("one"), machine("other", listener=told)
    with (
        first.kept(),
        pytest.raises(AscNasError, match=rf"{URL}: another asc-nas works here \(process \d+ on "),
        second.kept(),
    ):
        pass
    assert len(told.notes) == 1
    assert "waiting whether process" in told.notes[0]
    with second.kept():  # after its end
        pass


@contextmanager
def lost(mirrored):
    """Hold the lease as a machine that gives no sign any more."""
    Leased(mirrored._bucket, mirrored._copy, print)._write(True)
    yield


def test_the_work_of_a_machine_that_is_lost_goes_on_elsewhere(machine):
    work(machine("one"), a="1")
    with lost(machine("one")):
        other = machine("other")
        other.pull()
        with other.kept():
            write(other, b="2")
    assert remote() == {"a": b"1", "b": b"2"}


def test_a_machine_that_was_taken_for_lost_writes_nothing_more(machine, monkeypatch):
    monkeypatch.setattr(mirror, "PUSH_SECONDS", 1000)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 1000)
    first, second = machine("one"), machine("other")
    with (  # noqa: PT012
        pytest.raises(AscNasError, match="took this machine for lost, and goes on there"),
        first.kept(),
    ):
        work(second, b="theirs")
        write(first, a="ours")
    assert remote() == {"b": b"theirs"}
    again = machine("one")
    again.pull()
    assert local(again.folder) == {"b": b"theirs"}


def test_of_two_that_begin_together_one_goes_on(machine, monkeypatch):
    first, second = machine("one"), machine("other")
    monkeypatch.setattr(time, "sleep", lambda seconds: second._lease._write(True))
    with pytest.raises(AscNasError, match="another asc-nas works here"), first.kept():
        pass


def failing(monkeypatch, times):
    """Let so many uploads of the file ``a`` fail; return what failed."""
    put, failed = Bucket.put, []

    def fails(self, source, name):
        with self._telling(name):
            if name == "a" and len(failed) < times:
                failed.append(name)
                raise ConnectionError("connection reset")
        put(self, source, name)

    monkeypatch.setattr(Bucket, "put", fails)
    return failed


def test_a_network_that_is_back_again_loses_nothing(machine, monkeypatch):
    told = Told()
    mirrored, failed = machine(listener=told), failing(monkeypatch, 3)
    with mirrored.kept():
        write(mirrored, a="1")
        wait_until(lambda: len(failed) == 3)
        wait_until(lambda: remote() == {"a": b"1"})
    assert len(told.notes) == 1
    assert "memory://bucket/runs/a/a: cannot be reached (ConnectionError: conn" in told.notes[0]


def test_without_a_network_the_working_copy_stays_and_the_command_again_goes_on(
    machine, monkeypatch
):
    mirrored = machine()
    with monkeypatch.context() as patch:
        failing(patch, 10**9)
        with pytest.raises(  # noqa: SIM117
            AscNasError, match=r"a/a: cannot be reached .* lies in .*one; give the command again"
        ):
            with mirrored.kept():
                write(mirrored, a="1", b="2")
    assert (mirrored.folder / "a").read_text() == "1"
    work(machine("one"))
    assert remote() == {"a": b"1", "b": b"2"}


def test_the_end_is_tried_several_times(machine, monkeypatch):
    monkeypatch.setattr(mirror, "PUSH_SECONDS", 1000)
    failing(monkeypatch, len(mirror.PAUSES))
    work(machine(), a="1")
    assert remote() == {"a": b"1"}


def test_an_interrupted_command_uploads_what_it_has_written(machine, monkeypatch):
    monkeypatch.setattr(mirror, "PUSH_SECONDS", 1000)
    mirrored = machine()
    with pytest.raises(KeyboardInterrupt), mirrored.kept():  # noqa: PT012
        write(mirrored, a="1")
        raise KeyboardInterrupt
    assert remote() == {"a": b"1"}
    told = Told()
    with machine("other", listener=told).kept():
        pass
    assert not told.notes  # nobody is waited for


def test_what_a_killed_process_wrote_last_is_not_overwritten_by_what_is_older(machine):
    work(machine("one"), a="1", b="2")
    write(machine("one"), a="newer", c="3")  # and then it was killed
    work(machine("one"))
    assert remote() == {"a": b"newer", "b": b"2", "c": b"3"}


def test_a_working_copy_that_was_cleaned_deletes_nothing(machine):
    work(machine("one"), a="1", b="2")
    (machine("one").folder / "a").unlink()
    work(machine("one"), c="3")
    assert remote() == {"a": b"1", "b": b"2", "c": b"3"}


def test_a_place_that_was_emptied_is_filled_again(machine):
    work(machine("one"), a="1", b="2")
    MemoryFileSystem.store.clear()
    work(machine("one"), c="3")
    assert remote() == {"a": b"1", "b": b"2", "c": b"3"}


def test_fetching_that_was_stopped_is_begun_again(machine, monkeypatch):
    work(machine("one"), a="1", b="1")
    work(machine("other"))
    work(machine("one"), a="2", b="2")
    get = Bucket.get

    def stop(self, name, *rest):
        if name == "b":
            raise KeyboardInterrupt
        get(self, name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "get", stop)
        other = machine("other")
        with pytest.raises(KeyboardInterrupt), other.kept():
            pass
    work(machine("other"), c="3")
    assert remote() == {"a": b"2", "b": b"2", "c": b"3"}
    assert local(other.folder) == remote()


def test_a_place_with_other_files_is_refused(machine):
    MemoryFileSystem().pipe_file("/bucket/photos/1.jpg", b"x" * 100)
    with pytest.raises(AscNasError, match=r"holds other files \(such as photos/1.jpg\), and no c"):
        machine(url="memory://bucket", marks=("config.yaml",)).pull()


def test_a_file_that_is_half_written_is_told(machine, monkeypatch):
    work(machine("one"), a="1234")
    half = lambda self, there, here: Path(here).write_bytes(b"12")  # noqa: E731
    monkeypatch.setattr(MemoryFileSystem, "get_file", half)
    with pytest.raises(AscNasError, match="a/a: has 2 bytes in place of 4, as it is half written"):
        machine("other").pull()
    assert local(machine("other").folder) == {}


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(machine, monkeypatch):
    work(machine("one"), a="1")
    other = machine("other")
    free = SimpleNamespace(free=0)
    monkeypatch.setattr(mirror.shutil, "disk_usage", lambda folder: free)
    with pytest.raises(
        AscNasError, match=r"other: memory://.*runs/a needs 0.0 GB.* with ASC_NAS_W"
    ):
        other.pull()
    assert not local(other.folder)


def test_a_disk_that_is_full_is_told_as_one(machine, monkeypatch):
    work(machine("one"), a="1")

    def full(self, there, here):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MemoryFileSystem, "get_file", full)
    other = machine("other")
    with pytest.raises(OSError, match=r"No space left on device: '.*other/a'"):
        other.pull()


def test_names_that_lead_elsewhere_are_passed_over(machine, tmp_path):
    system = MemoryFileSystem()
    for name in ("../evil", "b/../../evil", ".hidden", "good"):
        system.store["/bucket/runs/a/" + name] = system.open("/x", "wb")
    other = machine("deep/other")
    other.pull()
    assert local(other.folder) == {"good": b""}
    assert not list(tmp_path.rglob("evil"))


def test_a_damaged_lease_is_nobodys(machine):
    MemoryFileSystem().pipe_file(f"/bucket/runs/a/{LEASE}", b"{not json")
    work(machine(), a="1")
    assert remote() == {"a": b"1"}


@pytest.mark.parametrize("damaged", ["{not json", '{"format": "asc-nas/mirror/1", "files": {}}'])
def test_a_damaged_record_of_a_working_copy_is_told(machine, damaged):
    work(machine(), a="1")
    record = machine().folder / mirror.RECORD
    record.write_text(damaged)
    with pytest.raises(AscNasError, match=r"\.mirror\.json: not (readable|as)"):
        machine()
