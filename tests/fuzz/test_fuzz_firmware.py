"""The fuzzing of the exported C code, a little of it."""

import subprocess

import pytest

from asc_nas.export.firmware.toolchain import missing_tools
from fuzz import firmware

pytestmark = pytest.mark.skipif(bool(missing_tools("pc")), reason="no C compiler")


def test_buffers_of_every_kind_and_length_are_answered(tmp_path):
    lines = firmware.fuzz(tmp_path, 4000, 0)
    assert [line.split(" buffers")[0] for line in lines] == ["2000", "2000"]
    assert all(int(line.split(", ")[1].split()[0]) > 100 for line in lines)


def test_a_fault_is_found(tmp_path, monkeypatch):
    written = firmware.write_kit

    def one_row_short(kit, *others):
        written(kit, *others)
        source = kit / "src" / "asc.c"
        text = source.read_text()
        source.write_text(text.replace("features[ASC_FRAMES *", "features[(ASC_FRAMES - 1) *"))

    monkeypatch.setattr(firmware, "write_kit", one_row_short)
    with pytest.raises(subprocess.CalledProcessError):
        firmware.fuzz(tmp_path, 4000, 0)
