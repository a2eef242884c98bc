"""``asc-nas export --target c`` and ``asc-nas verify``: from a trained network to proven C code."""

import json
import shutil

import pytest
from tiny import asc_nas_here as asc_nas
from tiny import write_config

from data_prep.synthetic import Plan, generate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Give the kit of a trained network, and what the export said."""
    folder = tmp_path_factory.mktemp("c")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config, out = write_config(folder / "tiny.yaml"), folder / "run"
    done = asc_nas("train", config, "baseline", "--data", folder / "recordings", "--out", out)
    assert done.returncode == 0, done.stderr
    done = asc_nas("export", out, "baseline", "--target", "c")
    assert done.returncode == 0, done.stderr
    return out / "models" / "tiny-baseline-c", done.stdout


def test_the_kit_answers_as_python_and_says_what_it_takes(exported):
    kit, told = exported
    assert f"check it: asc-nas verify {kit}" in told
    document = json.loads((kit / "kit.json").read_text())
    assert document["format"] == "asc-nas/kit/1"
    assert f"{document['ram_bytes'] / 1000:.1f} kB of RAM" in told
    assert f"accuracy {document['accuracy']:.3f}" in told
    done = asc_nas("verify", kit)  # on every chip whose compiler is there
    assert done.returncode == 0, done.stderr
    clips = len(document["golden_labels"])
    lines = {line.strip().split("  ")[0]: line.rstrip() for line in done.stdout.splitlines()}
    assert lines["labels as in Python"].endswith(f"{clips} of {clips}")
    assert lines["logits as in Python"].endswith("all")
    names = [path.name for path in (kit / "src").iterdir()]
    assert {"asc.h", "asc_model.c"} <= set(names)


def test_an_answer_that_differs_is_an_error(exported, tmp_path):
    kit = tmp_path / "kit"
    shutil.copytree(exported[0], kit)
    source = kit / "src" / "asc_network.c"
    source.write_text(source.read_text().replace("threshold = (mask >> 1)", "threshold = (mask)"))
    done = asc_nas("verify", kit, "--chip", "pc")
    assert done.returncode == 1
    assert "NOT all" in done.stdout
    assert done.stderr == f"error: {kit}: the C code does not answer as Python does.\n"


def test_a_chip_without_its_compiler_is_skipped_and_none_is_an_error(exported, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = asc_nas("verify", exported[0])
    assert done.returncode == 1
    wanted = (
        "cortex-m4: skipped; install what is missing: arm-none-eabi-gcc, qemu-system-arm (Debian"
    )
    assert wanted in done.stdout
    assert "pc: skipped; install what is missing: cc (Debian: apt-get install gcc" in done.stdout
    assert "nothing could be run; install a C compiler" in done.stderr


def test_what_is_no_kit_and_no_chip_is_told(exported, tmp_path):
    done = asc_nas("verify", tmp_path)
    assert done.returncode == 1
    assert "kit.json" in done.stderr
    assert "Traceback" not in done.stderr
    done = asc_nas("verify", exported[0], "--chip", "z80")
    assert done.returncode == 2
    assert "unknown chip 'z80'" in done.stderr
