import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch import nn
from toy import make_examples

from asc_nas.core.errors import AscNasError
from asc_nas.core.events import EventLog, read_events
from asc_nas.training.trainer import Hooks, TrainConfig, Trainer


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def log_of(run):
    return EventLog(run / "events.jsonl", run / "tensorboard")


def rows_of(run):
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def test_a_line_names_time_step_epoch_and_values(run):
    log_of(run).write("retrain", {"loss": 0.5}, network="3", unit="epoch", number=7)
    (row,) = rows_of(run)
    assert row.pop("time").endswith("+00:00")
    assert row == {
        "format": "asc-nas/event/1",
        "step": "retrain",
        "network": "3",
        "epoch": 7,
        "values": {"loss": 0.5},
    }


def test_what_a_resumed_step_repeats_is_not_written_again(run):
    for _ in range(2):  # each time a new process, so to say
        log = log_of(run).counter("supernet", "epoch")
        for epoch in (1, 2, 3):
            log(epoch, {"loss": 1 / epoch, "odd": float("nan")})
    assert [row["epoch"] for row in rows_of(run)] == [1, 2, 3]
    assert rows_of(run)[0]["values"]["odd"] is None  # NaN is not JSON


def test_of_an_epoch_that_came_out_otherwise_the_last_counts(run):
    log_of(run).write("supernet", {"loss": 2.0}, unit="epoch", number=1)
    log_of(run).write("supernet", {"loss": 1.0}, unit="epoch", number=1)
    assert [event.values for event in read_events(run / "events.jsonl")] == [{"loss": 1.0}]


def test_a_torn_line_costs_that_line_only(run):
    log = log_of(run).counter("supernet", "epoch")
    log(1, {"loss": 1.0})
    log(2, {"loss": 0.5})
    path = run / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    resumed = log_of(run).counter("supernet", "epoch")
    resumed(2, {"loss": 0.5})
    resumed(3, {"loss": 0.25})
    assert [event.number for event in read_events(path)] == [1, 2, 3]


@pytest.mark.parametrize("junk", [b"\xff\xfe\n", b"[]\n", b"null\n", b'{"format": "x"}\n', b"\n"])
def test_lines_that_are_not_ours_are_passed_over(run, junk):
    log_of(run).write("test", {"accuracy": 0.9}, network="0")
    with (run / "events.jsonl").open("ab") as handle:
        handle.write(junk)
    assert [event.step for event in read_events(run / "events.jsonl")] == ["test"]


def test_lines_of_several_writers_do_not_mix(run):
    def write(name):
        log = log_of(run).counter("retrain", "epoch", name)
        for epoch in range(50):
            log(epoch, {"loss": float(epoch)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    assert len(rows_of(run)) == 200
    events = read_events(run / "events.jsonl")
    assert len(events) == 200
    assert all(event.values == {"loss": float(event.number)} for event in events)


def test_a_missing_log_is_one_clear_error(run):
    with pytest.raises(AscNasError, match="no such event log"):
        read_events(run / "events.jsonl")


def train(run, epochs_before_the_kill=None):
    """Train three epochs, saved after the second; maybe killed once, when some are logged."""
    examples = make_examples()
    network = nn.Sequential(nn.Flatten(), nn.Linear(16 * 24, 3))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    log = log_of(run).counter("supernet", "epoch")

    def on_epoch(epoch, values):
        log(epoch, values)
        if epoch == epochs_before_the_kill:
            raise KeyboardInterrupt

    config = TrainConfig(epochs=3, batch_size=8, checkpoint_every=2)
    state = run / "state.safetensors"
    Trainer(config, 0, state, name="x", hooks=Hooks(on_epoch=on_epoch)).fit(network, examples)


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_training_killed_at_any_epoch_logs_each_epoch_once(run, killed_after):
    with pytest.raises(KeyboardInterrupt):
        train(run, killed_after)
    train(run)
    assert [row["epoch"] for row in rows_of(run)] == [1, 2, 3]
    assert set(rows_of(run)[0]["values"]) == {"loss", "learning_rate"}


def scalars(folder):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")]


def test_tensorboard_gets_the_same_values_and_what_came_before_it_was_asked_for(run):
    log_of(run).counter("retrain", "epoch", "3")(1, {"loss": 1.0})
    log = log_of(run)
    log.use_tensorboard()
    log.counter("retrain", "epoch", "3")(2, {"loss": 0.5})
    log_of(run).counter("retrain", "epoch", "3")(3, {"loss": 0.25})  # a worker is not told
    assert scalars(run / "tensorboard" / "retrain" / "3") == [(1, 1.0), (2, 0.5), (3, 0.25)]


def test_without_tensorboard_the_error_says_what_to_install():
    code = (
        "import sys\nfrom pathlib import Path\nsys.modules['tensorboard'] = None\n"
        "from asc_nas.core.errors import AscNasError\nfrom asc_nas.core.events import EventLog\n"
        "try:\n    EventLog(Path('e'), Path('t')).use_tensorboard()\n"
        "except AscNasError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'asc-nas[search]'" in done.stdout


def test_the_log_alone_needs_no_pytorch():
    code = "import sys, asc_nas.core.events; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
