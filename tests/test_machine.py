"""What a process may use of the machine."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from asc_nas.machine import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = [bytearray(8 << 20) for _ in range(4)]
del blocks
before = faults()
for _ in range(50):
    bytearray(8 << 20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about the allocator of glibc")
def test_freed_memory_is_used_again_without_asking_the_kernel():
    def page_faults(how):
        command = [sys.executable, "-c", SCRIPT, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert page_faults("keep") < page_faults("give back") / 10
