from pathlib import Path

import pytest

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
