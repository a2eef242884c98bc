"""Jobs on a Ray cluster of two nodes of this machine: nothing is lost, and results are the same."""

import json
import os
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny import PATIENCE, is_running, wait_until

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import write_json
from asc_nas.core.workers import run_jobs
from asc_nas.data.feature_store import FILES
from asc_nas.run.executors import EXECUTORS
from asc_nas.run.executors import ray as ray_module
from asc_nas.run.networks import find_network
from asc_nas.run.paths import RunPaths
from asc_nas.run.run import Run
from asc_nas.run.training import train_networks
from asc_nas.training.device import ComputeConfig
from data_prep.feature_writer import FeatureWriter

SETTINGS = ComputeConfig()


def test_without_ray_the_error_says_how_to_get_it(tiny_run, monkeypatch):
    monkeypatch.setattr(ray_module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs Ray: install it with pip install 'asc-nas\[clust"):
        Run.open(tiny_run.paths.root, executor="ray")


def test_an_unknown_executor_is_told_at_once(tiny_run):
    with pytest.raises(UsageError, match=r"unknown executor 'rya'\. Did you mean 'ray'\?"):
        Run.open(tiny_run.paths.root, executor="rya")


def test_ray_chooses_the_gpu(monkeypatch):
    monkeypatch.setattr(ray_module, "find_spec", lambda name: name)
    with pytest.raises(UsageError, match=r"device 'cuda:1': Ray chooses the GPU; give --device cu"):
        EXECUTORS["ray"](SETTINGS, "cuda:1")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "no.such.host.invalid:{}"]
)
def test_an_address_where_nobody_listens_is_told_at_once(address):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ray_module.require_reachable(f"127.0.0.1:{port}")
    with pytest.raises(AscNasError, match="no Ray cluster answers at"):
        ray_module.require_reachable(address.format(port))
    for other in (None, "auto", "local"):
        ray_module.require_reachable(other)


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'asc-nas[cluster]')")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    # Nodes are started here, and import what stands in this file.
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path.cwd())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield from _cluster(ray, cluster_utils)


def _cluster(ray, cluster_utils):
    node = dict(num_cpus=2, object_store_memory=100 * 2**20, include_dashboard=False)
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def second_node(cluster):
    """A node that may be lost: it alone has what jobs with ``second`` need."""
    node = cluster.add_node(num_cpus=2, object_store_memory=100 * 2**20)
    cluster.wait_for_nodes()
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)


def on_ray(settings=SETTINGS):
    return EXECUTORS["ray"](settings, "cpu")


def doubled(number):
    if number == 2:
        raise AscNasError("two is too many.")
    return 2 * number, torch.get_num_threads()


def test_jobs_have_one_thread_and_their_own_errors(cluster):
    assert run_jobs(doubled, [3, 1, 5], 2, executor=on_ray()) == [(6, 1), (2, 1), (10, 1)]
    with pytest.raises(AscNasError, match=r"1 of 2 jobs failed: 2: two is too many\."):
        run_jobs(doubled, [1, 2], 1, executor=on_ray())


def die(job):
    with (job / "tries").open("a") as file:
        file.write("x")
    os._exit(1)


def test_a_job_whose_process_dies_is_tried_again_and_then_told(cluster, tmp_path):
    settings = ComputeConfig(retries=2)
    with pytest.raises(AscNasError, match=r"its process or machine was lost 3 times"):
        run_jobs(die, [tmp_path], 1, executor=on_ray(settings))
    assert (tmp_path / "tries").read_text() == "xxx"


def waits(job):
    """Say which node this is, and wait the first time until it is lost."""
    import ray

    number, folder = job
    node = ray.get_runtime_context().get_node_id()
    first = not (folder / f"{number}.json").exists()
    write_json(folder / f"{number}.json", {"node": node, "pid": os.getpid()})
    while first and not (folder / "lost").exists():
        time.sleep(0.05)
    return number, node


def lose_while(cluster, node, folder, work):
    """Do `work`, and lose a node when two jobs wait on it and two elsewhere."""
    failed = []

    def working():
        try:
            work()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=working)
    thread.start()
    wait_until(lambda: failed or len(list(folder.glob("*.json"))) == 4)
    begun = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    dying = [job["pid"] for job in begun if job["node"] == node.node_id]
    assert not failed
    assert len(dying) == 2
    cluster.remove_node(node, allow_graceful=False)
    wait_until(lambda: not any(map(is_running, dying)))  # they outlive their node a little
    (folder / "lost").touch()
    thread.join(PATIENCE)
    assert not failed


def test_a_lost_node_loses_no_job(cluster, second_node, tmp_path):
    jobs, found = [(number, tmp_path) for number in range(4)], []  # two on each node
    work = partial(run_jobs, waits, jobs, 4, executor=on_ray())
    lose_while(cluster, second_node, tmp_path, lambda: found.extend(work()))
    assert [number for number, _ in found] == [0, 1, 2, 3]
    assert second_node.node_id not in [node for _, node in found]


def copy_of(run, root, executor):
    shutil.copytree(run.paths.root, root)
    return Run(run.config, RunPaths(root), executor=executor)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_search_is_the_same_whatever_does_it(cluster, tiny_run, tmp_path, one_thread):
    found = []
    for executor, workers in (("local", 1), ("local", 2), ("ray", 1), ("ray", 3)):
        run = copy_of(tiny_run, tmp_path / f"{executor}{workers}", executor)
        search = run.config.search.model_copy(update={"workers": workers})
        run.config = run.config.model_copy(update={"search": search})
        run.search()
        found.append(json.loads(run.paths.pareto.read_text()))
    assert found[0]["members"]
    assert found[1:] == found[:1] * 3


@pytest.mark.slow
def test_a_node_lost_while_networks_train_changes_nothing(
    cluster, second_node, tiny_run, tmp_path, one_thread
):
    names, seeds = ("baseline", "square"), (5, 6)
    here, there = (copy_of(tiny_run, tmp_path / n, n) for n in ("local", "ray"))
    retrain = here.config.retrain.model_copy(update={"epochs": 120, "checkpoint_every": 1})
    for run in (here, there):
        run.config = run.config.model_copy(update={"retrain": retrain})
    expected = train_networks([here], [find_network(here, n) for n in names], seeds, 1)

    begun = set()

    def all_have_begun():
        begun.update(there.paths.root.glob("retrain/*/state.safetensors"))
        return len(begun) == 4

    def lose():
        wait_until(all_have_begun)
        cluster.remove_node(second_node, allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()
    found = train_networks([there], [find_network(there, n) for n in names], seeds, 4)
    thread.join(PATIENCE)
    assert second_node not in cluster.list_all_nodes()
    assert found == expected
    for path in sorted(here.paths.root.glob("retrain/*/model.safetensors")):
        again = there.paths.root / path.relative_to(here.paths.root)
        assert again.read_bytes() == path.read_bytes()
    assert replace(there, executor="local").stays_here(1)


def held(folder, inside, function, *arguments):
    """Do a job; the first four wait in it, as `waits` does, until a node is lost.

    Extraction waits after two clips, a part of a generation when it is judged, before it answers.
    """
    if len(list(folder.glob("*.json"))) >= 4:
        return function(*arguments)
    if inside == "extraction":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FeatureWriter, "add", slowly(folder))
            return function(*arguments)
    answer = function(*arguments)
    waits((os.getpid(), folder))
    return answer


def slowly(folder):
    add, added = FeatureWriter.add, []

    def add_and_wait(self, number, features):
        add(self, number, features)
        added.append(number)
        if len(added) == 2:
            waits((os.getpid(), folder))

    return add_and_wait


@contextmanager
def held_on_ray(folder, inside, function, count):
    with on_ray()(partial(held, folder, inside, function), count) as submit:
        yield submit


@pytest.mark.slow
def test_a_node_lost_in_extraction_changes_no_feature(
    cluster, second_node, tiny_run, tmp_path, monkeypatch
):
    begun = tmp_path / "begun"
    begun.mkdir()
    monkeypatch.setattr(Run, "new_executor", lambda run: partial(held_on_ray, begun, "extraction"))
    source = tiny_run.paths.root.parent
    there = {"out": tmp_path / "there", "executor": "ray"}
    run = Run.open(source / "tiny.yaml", source / "recordings", {"data.workers": 4}, **there)
    run.begin()
    lose_while(cluster, second_node, begun, run.prepare)
    for name in FILES:
        expected = (tiny_run.paths.features / name).read_bytes()
        assert (run.paths.features / name).read_bytes() == expected


@pytest.mark.slow
def test_a_node_lost_in_a_generation_changes_no_network(
    cluster, second_node, tiny_run, tmp_path, one_thread, monkeypatch
):
    begun = tmp_path / "begun"
    begun.mkdir()
    monkeypatch.setattr(Run, "new_executor", lambda run: partial(held_on_ray, begun, "generation"))
    here, there = (copy_of(tiny_run, tmp_path / n, n) for n in ("local", "ray"))
    search = there.config.search.model_copy(update={"workers": 4})
    there.config = there.config.model_copy(update={"search": search})
    here.search()
    lose_while(cluster, second_node, begun, there.search)
    for path in (here.paths.history, here.paths.pareto):
        again = there.paths.root / path.relative_to(here.paths.root)
        assert again.read_bytes() == path.read_bytes()
