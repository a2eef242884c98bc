"""Two ranks, started by torchrun or a run, train what one process trains; one of them is killed."""

import json
import subprocess
import sys

import pytest
import torch
import two_ranks
from ranks import torchrun
from tiny import ENVIRONMENT, PATIENCE, asc_nas, write_config
from two_ranks import CASES, train

from asc_nas.core.events import read_events
from asc_nas.run.run import Run
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow

TOLERANCE = 1e-8
"""Of weights, which are about 1; in double precision, after 12 steps of AdamW."""
DYING = """
import os, signal, sys
from asc_nas.cli.main import main
from asc_nas.training.trainer import Trainer
left, step = int(sys.argv.pop(1)), Trainer.step
def step_or_die(*arguments):
    global left
    left -= 1
    if os.environ["RANK"] == "1" and not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
Trainer.step = step_or_die
main()
"""
DYING_WORKER = """
import os, signal, sys
from asc_nas.cli.main import main
from asc_nas.training.trainer import Trainer
left, step = int(sys.argv[1]), Trainer.step
def step_or_die(*arguments):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
if __name__ == "__mp_main__":
    Trainer.step = step_or_die
if __name__ == "__main__":
    main(sys.argv[2:])
"""
FILES = ("supernet.safetensors", "updates.json", "shrinking.json", "log.json")
STEPS = 3  # in an epoch of the supernet
SETTINGS = {
    "data": {"workers": 1},
    "supernet": {"epochs": 3, "distillation": 0.5, "batch_size": 24},
    "shrinking": {"at": [2], "keep": 3, "samples": 16},
    "retrain": {"epochs": 3, "qat_share": 0.34, "workers": 2},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What two ranks trained: one file per rank, and a run, ``together``."""
    folder = tmp_path_factory.mktemp("torchrun")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    write_config(folder / "tiny.yaml", **SETTINGS)
    done = torchrun(two_ranks.__file__, folder)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout + done.stderr)
    return folder


@pytest.fixture(scope="module")
def ranks(place):
    return [torch.load(place / f"rank{number}.pt") for number in range(2)]


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one_process_with_the_same_batches(case, ranks, tmp_path):
    weights, losses, updates = train(case, tmp_path)
    for rank in ranks:
        own_weights, own_losses, own_updates = rank[case]
        assert own_updates == updates
        assert own_losses == pytest.approx(losses, abs=TOLERANCE)
        for name, value in weights.items():
            torch.testing.assert_close(own_weights[name], value, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_both_ranks_have_the_same_weights_to_the_bit(case, ranks):
    first, second = (rank[case][0] for rank in ranks)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_run_counts_the_same_updates_as_one_process(place):
    """Its first losses are near, too; in float32, later ones make more of the rounding."""
    one = Run.open(place / "tiny.yaml", place / "recordings", out=place / "one")
    one.supernet()
    own, together = one.paths.root, place / "together"
    updates = (own / "supernet" / "updates.json").read_bytes()
    assert updates == (together / "supernet" / "updates.json").read_bytes()
    losses = [read_events(run / "events.jsonl")[0].values["loss"] for run in (own, together)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_the_first_rank_alone_writes_logs_and_speaks(place):
    assert [file.name for file in place.glob("saved-by-*")] == ["saved-by-0"]
    said = (place / "said").read_text()
    assert said.count("Trained from scratch, tested once") == 1
    assert said.count("Training baseline, seed 0: 3/3") == 1
    lines = map(json.loads, (place / "together" / "events.jsonl").read_text().splitlines())
    logged = [(event["step"], event.get("network"), event.get("epoch")) for event in lines]
    assert len(logged) == len(set(logged)) == 3 + 1 + 2 * (3 + 1)


def test_a_training_of_which_a_rank_was_killed_goes_on_to_the_same_end(place, tmp_path):
    out, script = tmp_path / "run", tmp_path / "dying.py"
    script.write_text(DYING)
    arguments = "supernet", place / "tiny.yaml", "--data", place / "recordings", "--out", out
    killed = torchrun(script, 2 * STEPS + 2, *arguments)  # in the epoch after shrinking
    assert killed.returncode != 0
    assert (out / "supernet" / "state.safetensors").exists(), killed.stderr
    assert not (out / "supernet" / "supernet.safetensors").exists()
    done = torchrun("-m", "asc_nas.cli.main", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Supernet: 1/3" in killed.stderr
    assert "Supernet: 1/3" not in done.stderr  # it did not begin anew
    require_same(place, out)


def require_same(place, out):
    for name in FILES:
        whole = place / "together" / "supernet" / name
        assert (out / "supernet" / name).read_bytes() == whole.read_bytes(), name
    assert not (out / "supernet" / "state.safetensors").exists()


def with_workers(place, out):
    """Return the arguments that train the supernet by two processes of the run itself."""
    source = place / "tiny.yaml", "--data", place / "recordings"
    return "supernet", *source, "--out", out, "--set", "supernet.workers=2"


def test_the_workers_of_a_run_train_what_torchruns_ranks_do(place, tmp_path):
    done = asc_nas(*with_workers(place, tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Supernet: 3/3") == 1
    require_same(place, tmp_path / "run")


def test_a_worker_that_dies_is_told_and_the_training_goes_on_to_the_same_end(place, tmp_path):
    out, script = tmp_path / "run", tmp_path / "dying.py"
    script.write_text(DYING_WORKER)
    arguments = with_workers(place, out)
    killed = subprocess.run(
        [sys.executable, script, str(2 * STEPS + 2), *map(str, arguments)],
        capture_output=True, text=True, timeout=PATIENCE, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert killed.returncode == 1
    assert killed.stderr.splitlines()[-1].startswith("error: supernet.workers: its worker process ")
    assert "Traceback" not in killed.stderr
    done = asc_nas(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Supernet: 1/3" not in done.stderr  # it did not begin anew
    require_same(place, out)


def test_a_script_without_a_main_guard_is_told_so(place, tmp_path):
    script = tmp_path / "script.py"
    source, out = place / "tiny.yaml", tmp_path / "run"
    script.write_text(f"""
from asc_nas import Run
settings = ["supernet.workers=2"]
Run.open({str(source)!r}, {str(place / "recordings")!r}, settings, {str(out)!r}).supernet()
""")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=PATIENCE,
        env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "if __name__ ==" in done.stderr.splitlines()[-1]
