"""What does the independent jobs of a run: the cores of this machine, or a cluster.

An executor starts workers for a function and gives what lets one of them call it, as a future
(`asc_nas.core.workers.processes`). What makes one is registered here by name.
"""

from collections.abc import Callable

from asc_nas.core.registry import Registry
from asc_nas.core.workers import Executor, processes
from asc_nas.run.executors.ray import ray_executor
from asc_nas.training.device import ComputeConfig

LOCAL = "local"

EXECUTORS: Registry[Callable[[ComputeConfig, str], Executor]] = Registry("executor")
"""By name: from the settings and the device to an executor. A UsageError if it cannot be had."""

EXECUTORS.register(LOCAL)(lambda settings, device: processes)
EXECUTORS.register("ray")(ray_executor)
