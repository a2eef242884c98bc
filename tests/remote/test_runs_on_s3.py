"""Runs on object storage: a server that speaks S3, and machines that have only that in common."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import ENVIRONMENT, PATIENCE, STOPPING, command, write_config

pytest.importorskip("s3fs", reason="s3fs is not installed (pip install 'asc-nas[remote]')")
pytest.importorskip("moto", reason="moto is not installed (pip install 'moto[server]')")

import s3fs
from s3_server import BUCKET, s3_server

import asc_nas
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.remote import lease, mirror
from asc_nas.remote.mirror import working_copy
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    with s3_server() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        storage().mkdir(BUCKET)
        yield environment
    s3fs.S3FileSystem.clear_instance_cache()


def storage():
    return s3fs.S3FileSystem(use_listings_cache=False)


@pytest.fixture
def on(server, tmp_path, monkeypatch):
    """Let this process be another machine."""
    monkeypatch.setattr(lease, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.2)
    monkeypatch.setattr(lease, "LOST_SECONDS", 2)
    monkeypatch.setattr(mirror, "PAUSES", ())
    return lambda machine: monkeypatch.setenv("ASC_NAS_WORK", str(tmp_path / machine))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    data = {"workers": 1, "folder": str(folder / "recordings")}
    retrain = {"epochs": 3, "checkpoint_every": 1}
    return write_config(folder / "tiny.yaml", data=data, retrain=retrain)


def results(root):
    """Return what a training leaves, wherever it lies."""
    names = ("result.json", "model.safetensors")
    folder = Path(root) / "retrain" / "baseline"
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def plain(config, tmp_path_factory):
    """A run that nothing stopped, in a folder."""
    run = asc_nas.Run.open(config, out=tmp_path_factory.mktemp("plain") / "run")
    run.train("baseline")
    return run.paths.root


@pytest.fixture
def uploaded(server, plain):
    """The URL of the same run, copied there as any tool does it."""
    for file in (path for path in plain.rglob("*") if path.is_file()):
        name = file.relative_to(plain).as_posix()
        storage().put_file(str(file), f"{BUCKET}/runs/uploaded/{name}")
    return f"s3://{BUCKET}/runs/uploaded"


def test_a_run_killed_in_a_training_goes_on_on_another_machine_with_the_same_bytes(
    config, plain, server, on, tmp_path, monkeypatch
):
    url = f"s3://{BUCKET}/runs/killed"
    monkeypatch.setenv("ASC_NAS_WORK", str(tmp_path / "first"))
    state = working_copy(url) / "retrain" / "baseline" / "state.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPING, state, "1", "train", config, "baseline", "--out", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | {n: v for n, v in os.environ.items() if n.startswith(("AWS", "ASC"))},
    )
    with process:
        assert "stopped\n" in process.stdout
        written = state.read_bytes()
        place = f"{BUCKET}/runs/killed/retrain/baseline/state.safetensors"
        while not storage().exists(place) or storage().cat_file(place) != written:
            assert process.poll() is None
        process.kill()

    on("second")
    run = asc_nas.Run.open(url)
    assert run.paths.root == working_copy(url)
    assert run.paths.root.is_relative_to(tmp_path / "second")
    assert (run.paths.root / "retrain/baseline/state.safetensors").read_bytes() == written
    assert isinstance(run.store().features, np.memmap)
    assert Path(run.store().features.filename).is_relative_to(tmp_path / "second")
    begun = [json.loads(line) for line in run.paths.events.read_text().splitlines()]
    assert max(event["epoch"] for event in begun if event["step"] == "retrain") == 1
    run.train("baseline")
    expected = results(plain)
    assert results(run.paths.root) == expected
    for name, content in expected.items():
        assert storage().cat_file(f"{BUCKET}/runs/killed/retrain/baseline/{name}") == content
    assert not storage().exists(place)


def asc_nas_on(machine, *arguments, **changes):
    """Run a command as on another machine."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=ENVIRONMENT
        | {n: v for n, v in os.environ.items() if n.startswith("AWS")}
        | {"ASC_NAS_WORK": str(machine)}
        | changes,
        check=False,
    )


def test_the_command_makes_features_at_a_url_and_another_machine_has_them(
    config, on, tmp_path, server
):
    manifest, url = tmp_path / "m.parquet", f"s3://{BUCKET}/features"
    on("first")
    run = asc_nas.Run.open(config, out=tmp_path / "run")
    run.prepare().write(manifest)
    done = asc_nas_on(tmp_path / "first", "features", manifest, "--out", url, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"-> {url}\n")
    names = sorted(path.rpartition("/")[2] for path in storage().find(f"{BUCKET}/features"))
    stored = ["checksums.npy", "done.npy", "features.npy", "index.json"]
    assert names == [".lease.json", *stored]
    part = asc_nas_on(tmp_path / "first", "features", manifest, "--out", url, "--part", "1/2")
    assert part.returncode == 2
    assert "needs a folder that machines share" in part.stderr


def test_what_is_wrong_with_a_url_is_one_sentence(config, on, monkeypatch):
    on("first")
    with pytest.raises(AscNasError, match=r"s3://no-bucket/a: The specified bucket does not exist"):
        asc_nas.Run.open(config, out="s3://no-bucket/a")
    with pytest.raises(UsageError, match=r"s3://bucket/none: not a run directory \(it has no"):
        asc_nas.Run.open(f"s3://{BUCKET}/none")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(AscNasError, match=r"no access \(NoCredentialsError.*check the credentials"):
        asc_nas.Run.open(config, out=f"s3://{BUCKET}/runs/secret")
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_server_that_is_away_is_one_sentence(config, on, monkeypatch):
    on("first")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(AscNasError, match=r"cannot be reached \(EndpointConnectionError"):
        asc_nas.Run.open(config, out=f"s3://{BUCKET}/runs/away")
    s3fs.S3FileSystem.clear_instance_cache()


def test_several_ranks_have_no_run_at_a_url(config, on, monkeypatch):
    on("first")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="a run at a URL: torchrun started 2 processes"):
        asc_nas.Run.open(config, out=f"s3://{BUCKET}/runs/ranks", together=True)


def test_a_second_machine_in_a_run_is_told_in_a_sentence(uploaded, on):
    on("first")
    first = asc_nas.Run.open(uploaded)
    on("second")
    second = asc_nas.Run.open(uploaded)
    with first.lock(), pytest.raises(AscNasError, match="uploaded: another asc-nas works here"):
        second.train("baseline")


def test_a_server_lost_in_the_middle_costs_nothing(config, on, monkeypatch):
    url, cable = f"s3://{BUCKET}/runs/cut", contextlib.ExitStack()

    def plug(server):
        monkeypatch.setenv("AWS_ENDPOINT_URL", cable.enter_context(server)["AWS_ENDPOINT_URL"])
        s3fs.S3FileSystem.clear_instance_cache()

    on("first")
    plug(s3_server())
    run = asc_nas.Run.open(config, out=url)
    with (  # noqa: PT012
        pytest.raises(AscNasError, match=r"cannot be reached .* lies in .*; give the command a"),
        run.lock(),
    ):
        cable.close()
        run.prepare()
    with cable:
        plug(s3_server())  # which knows what the one before knew
        assert not storage().exists(f"{BUCKET}/runs/cut/features/index.json")
        asc_nas.Run.open(config, out=url).prepare()
        assert storage().exists(f"{BUCKET}/runs/cut/features/index.json")
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_report_lies_with_its_run(uploaded, on):
    on("first")
    asc_nas.Run.open(uploaded).report()
    assert storage().exists(f"{BUCKET}/runs/uploaded/report/report.html")
