"""A disk that is full, files that may not grow, folders that may not be written: from any moment.

Each ends a command in one sentence. With room again it goes on, to the same bytes.
"""

import subprocess

import pytest
from fault_cases import MANY, STEPS, copied, differing, go_on

pytestmark = pytest.mark.slow

NAMES = STEPS if MANY else ("run", "crossval")


@pytest.fixture
def disk(tmp_path):
    """Give a small disk."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted ({done.stderr.strip()})")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def run_out(server, step, faults, kind, do, place, repair, *given):
    """Let a fault come at some operation of a command, repair it, and go on."""
    for at in step.operations(MANY // 5 or 1, do):
        folder = copied(step.before, place / str(at))
        with faults.trial(f"{kind}, {step.name}", at) as lost:
            done = server.run(folder, step.arguments, at=at, do=do, given=given)
            repair(folder)
            if done.code:
                done.one_sentence()
                lost.append(go_on(server, step, folder, done))
            else:  # nothing was written after it
                assert differing(folder, step.after) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(server, steps, faults, disk, name):
    ballast = disk / "ballast"

    def repair(folder):
        ballast.unlink(missing_ok=True)

    run_out(server, steps[name], faults, "disk full", "fill", disk, repair, str(ballast))


@pytest.mark.parametrize("name", NAMES)
def test_files_that_may_not_grow(server, steps, faults, tmp_path, name):
    run_out(server, steps[name], faults, "file-size limit", "limit", tmp_path, lambda folder: None)


@pytest.mark.parametrize("name", NAMES)
def test_folders_that_may_not_be_written(server, steps, faults, tmp_path, name):
    def repair(folder):
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)

    run_out(server, steps[name], faults, "read-only", "protect", tmp_path, repair)
