import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Files of tests run side by side: threads of tiny networks would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch is imported

# A shell that starts the tests in the background ignores Ctrl-C, and whatever they start inherits
# that: a test that interrupts a command would wait for ever.
with suppress(ValueError):  # not in the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is timed lives in benchmarks/; a busy machine draws examples slowly, too.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared recordings are not here ({SHARED_DATA})")
    return SHARED_DATA


@pytest.fixture
def esc10_folder(shared_data: Path) -> Path:
    if not (shared_data / "esc10").is_dir():
        pytest.skip("the shared recordings have no ESC-10")
    return shared_data / "esc10"
