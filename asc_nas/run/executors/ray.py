"""Jobs on the machines of a Ray cluster, which share a file system (Moritz et al., OSDI 2018).

A job that is lost with its process or its machine is given to another. Jobs keep what they did in
files, so it goes on where it was.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar

import torch

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.workers import Executor
from asc_nas.training.device import ComputeConfig

Result = TypeVar("Result")

REACH_SECONDS = 10.0
"""After which nobody is taken to listen at an address."""
NOT_BEGUN = (
    "a machine of the Ray cluster could not begin it; install the same asc-nas on all of them "
    "(pip install 'asc-nas[search,cluster]')."
)


def ray_executor(settings: ComputeConfig, device: str) -> Executor:
    """Return what does jobs on a Ray cluster.

    Raises
    ------
    UsageError
        If Ray is not installed, or the device is one of several GPUs, among which Ray chooses.
    """
    if find_spec("ray") is None:
        raise UsageError(
            "the executor 'ray' needs Ray: install it with pip install 'asc-nas[cluster]', or give "
            "--executor local."
        )
    if ":" in device:
        raise UsageError(f"device '{device}': Ray chooses the GPU; give --device cuda.")
    return partial(_workers, settings, device)


@contextmanager
def _workers(
    settings: ComputeConfig, device: str, function: Callable[..., Result], count: int
) -> Iterator[Callable[..., Future[Result]]]:
    """Give a function that lets Ray call `function`, `count` calls at once, as a future.

    Every call has one core, on one thread, and what `settings` says of memory and GPU. A cluster
    that runs is joined (`settings.address`); without an address, one is started on this machine. At
    the end, or if the caller stops early, running calls are ended.

    Raises
    ------
    AscNasError
        If there is no cluster at the address.
    """
    import ray

    joined = ray.is_initialized()
    if not joined:
        _join(ray, settings.address)
    needs: dict[str, Any] = {"num_cpus": 1, "max_retries": settings.retries}
    if torch.device(device).type == "cuda":
        needs["num_gpus"] = settings.job_gpus
    if settings.job_memory_gb is not None:
        needs["memory"] = int(settings.job_memory_gb * 2**30)
    remote = ray.remote(**needs)(_on_one_thread)
    running: set[Any] = set()

    def call(*arguments: Any) -> Result:
        reference = remote.remote(function, *arguments)
        running.add(reference)
        try:
            found: Result = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ray.exceptions.RayError):
                raise AscNasError(NOT_BEGUN) from error
            raise (error.cause or error) from None
        except ray.exceptions.RayError as error:
            raise AscNasError(
                f"its process or machine was lost {settings.retries + 1} times, perhaps for want "
                f"of memory ({type(error).__name__}); run again with a larger "
                "compute.job_memory_gb."
            ) from error
        finally:
            running.discard(reference)
        return found

    waiting = ThreadPoolExecutor(count, "ray")  # each thread waits for one call
    try:
        yield lambda *arguments: waiting.submit(call, *arguments)
    finally:
        for reference in list(running):
            ray.cancel(reference, force=True)
        waiting.shutdown(cancel_futures=True)
        if not joined:
            ray.shutdown()


def _on_one_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    torch.set_num_threads(1)
    return function(*arguments)


def _join(ray: Any, address: str | None) -> None:
    require_reachable(address)
    try:
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise AscNasError(
            f"no Ray cluster at '{address}'; start one with 'ray start --head', or give another "
            "--address."
        ) from error


def require_reachable(address: str | None) -> None:
    """Raise AscNasError if nobody listens at ``HOST:PORT`` or ``ray://HOST:PORT``.

    Ray itself would ask again for minutes. Other addresses are left to it.
    """
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS):
            return
    except (OSError, OverflowError) as error:
        raise AscNasError(
            f"no Ray cluster answers at '{address}' ({error}); start one with 'ray start --head', "
            "or give another --address."
        ) from error
