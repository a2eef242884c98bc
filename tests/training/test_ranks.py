"""Which rank this is, its part of a batch and its device; what ranks cannot do is refused."""

import pytest
import torch
from tiny import write_config
from toy import make_examples

from asc_nas.cli import main as command_line
from asc_nas.core.errors import UsageError
from asc_nas.core.launched import place, require_one
from asc_nas.nn.batch_norm import BatchNorm2d
from asc_nas.nn.elastic import ElasticBatchNorm2d
from asc_nas.run.run import Run
from asc_nas.training import parallel
from asc_nas.training.division import Statistics, shared
from asc_nas.training.parallel import ALONE, Ranks, join
from asc_nas.training.trainer import TrainConfig, Trainer


@pytest.mark.parametrize("size", range(1, 6))
@pytest.mark.parametrize("n", [5, 6, 17])
def test_parts_are_the_whole_batch_and_nearly_equal(n, size):
    parts = [range(n)[Ranks(number, size).part(n)] for number in range(size)]
    assert [place for part in parts for place in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_batch_with_fewer_examples_than_ranks_is_refused(tmp_path, monkeypatch):
    for name, alone in {
        "agreed": lambda ranks, value: value,
        "take_first": lambda *args: None,
    }.items():
        monkeypatch.setattr(Ranks, name, alone)  # the others are not there
    config = TrainConfig(epochs=1, batch_size=3)
    trainer = Trainer(config, 0, tmp_path / "state", ranks=Ranks(0, 4))
    with pytest.raises(UsageError, match=r"retrain.batch_size: a batch of 3 .* among 4 ranks"):
        trainer.fit(torch.nn.Linear(1, 1), make_examples(clips=24))
    assert not (tmp_path / "state").exists()


def test_statistics_of_divided_passes_are_those_of_all_passes_in_their_order():
    """Of each pass another rank; passes use several channels of some norms."""
    uses = [(4, 0), (2, 3), (0, 3), (3, 1)]  # channels of two norms in each pass; 0: not used
    generator = torch.Generator().manual_seed(0)
    batches = [
        [torch.randn(5, n, 2, 2, generator=generator) if n else None for n in own] for own in uses
    ]

    def passed(norms, batches):
        for norm, batch in zip(norms, batches, strict=True):
            if batch is not None:
                norm(batch)
        return [v for norm in norms for v in (norm.running_mean, norm.running_var)]

    for size in 2, 3, 4:
        alone = [ElasticBatchNorm2d(4), ElasticBatchNorm2d(3)]
        ranks = [[ElasticBatchNorm2d(4), ElasticBatchNorm2d(3)] for _ in range(size)]
        told = [Statistics(norms, len(uses)) for norms in ranks]
        for _ in range(2):  # steps
            for number, own in enumerate(batches):
                expected = passed(alone, own)
                for rank, (norms, statistics) in enumerate(zip(ranks, told, strict=True)):
                    statistics.number = number if number % size == rank else None
                    passed(norms, own)
            for values in zip(*(statistics.told for statistics in told), strict=True):
                total = sum(values)
                for value in values:
                    value.copy_(total)
            for norms, statistics in zip(ranks, told, strict=True):
                statistics.update()
                for value, wanted in zip(passed(norms, [None, None]), expected, strict=True):
                    torch.testing.assert_close(value, wanted)


@pytest.mark.parametrize(
    ("size", "passes", "divided"),
    [(1, 3, "nothing"), (2, 1, "batch"), (2, 2, "passes"), (3, 2, "passes")],
)
def test_passes_are_divided_where_there_are_several_or_else_the_batch(size, passes, divided):
    norm = ElasticBatchNorm2d(2)
    with shared(norm, Ranks(size - 1, size), passes) as share:
        assert (norm.keep is not None) == (divided == "passes")
        assert (norm.gather is not None) == (divided == "batch")
        own = range(6 * (size - 1) // size, 6) if divided == "batch" else range(6)
        assert range(6)[share.part(6)] == own
        counts = []
        for number in range(passes):
            with share.computing(number) as own:
                counts.append(own)
                assert torch.is_grad_enabled() == own
    assert counts == [divided != "passes" or number % size == size - 1 for number in range(passes)]
    assert norm.keep is norm.gather is None
    plain = torch.nn.Sequential(norm, BatchNorm2d(2))  # which keeps its own statistics
    with shared(plain, Ranks(0, 2), 2) as share:
        assert share.statistics is None


def test_without_torchrun_a_process_is_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert place() == (0, 1)
    assert join("cpu") == (ALONE, "cpu")
    require_one("asc-nas search")
    monkeypatch.setenv("WORLD_SIZE", "4")  # of something else: no rank is given
    assert place() == (0, 1)


@pytest.mark.parametrize("device", ["mps", "cuda:1"])
def test_ranks_are_told_which_devices_they_can_train_on(device, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match=rf"device '{device}': 2 ranks .* give --device cuda or"):
        join(device)


def test_every_rank_takes_the_gpu_of_its_number_on_the_machine(monkeypatch):
    used, met = [], []
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    monkeypatch.setattr(parallel, "_meet", met.append)
    assert join("cuda") == (Ranks(3, 4), "cuda:1")
    assert (used, met) == (["cuda:1"], ["nccl"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match=r"rank 1 of this machine has no GPU .* --nproc-per-node"):
        join("cuda")


@pytest.fixture
def second(monkeypatch):
    """The environment of the second of two ranks."""
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("arguments", [("search", "tiny.yaml"), ("data", "list"), ("doctor",)])
def test_a_command_that_ranks_cannot_share_is_refused_before_anything_is_written(
    arguments, second, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path / "tiny.yaml")
    with pytest.raises(SystemExit) as ended:
        command_line.main([*arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error (rank 1): asc-nas {arguments[0]}: torchrun started 2 processes")
    assert said.endswith("start it without torchrun.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_so_is_a_run_that_is_not_opened_together_and_a_step_of_one_process(
    second, tmp_path, monkeypatch
):
    config, out = write_config(tmp_path / "tiny.yaml"), tmp_path / "run"
    with pytest.raises(UsageError, match="this step: torchrun started 2 processes"):
        Run.open(config, out=out)
    monkeypatch.setattr(parallel, "_meet", lambda backend: None)
    run = Run.open(config, out=out, together=True)
    for step in run.search, run.rank, run.run, run.measure_latency:
        with pytest.raises(UsageError, match="this step: torchrun started 2 processes"):
            step()
    with pytest.raises(UsageError, match="--workers 3: torchrun's 2 ranks train every network"):
        run.train("baseline", workers=3)
    with pytest.raises(UsageError, match="executor 'ray': torchrun's 2 ranks"):
        Run.open(config, out=out, together=True, executor="ray")
    assert not out.exists()


def test_workers_without_a_pass_each_are_refused(tmp_path):
    for settings in {"workers": 3, "passes": 2}, {"workers": 4, "passes": 2, "distillation": 0.5}:
        config = write_config(tmp_path / "tiny.yaml", supernet=settings)
        with pytest.raises(UsageError, match=r"set workers to \d at most, or passes to more"):
            Run.open(config, out=tmp_path / "run")
    settings = {"workers": 3, "passes": 2, "distillation": 0.5}
    Run.open(write_config(tmp_path / "tiny.yaml", supernet=settings), out=tmp_path / "run")
