"""Latency through the command line: measured here, with a kit, as objective and limit."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from tiny import PATIENCE, write_config
from tiny import asc_nas_here as asc_nas

from asc_nas.cost.latency import LatencyTable
from asc_nas.export.firmware.toolchain import missing_tools
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.opening import config_text
from asc_nas.run.paths import RunPaths
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate

OBJECTIVES = [
    {"name": "macro_f1", "sense": "max", "weight": 2},
    {"name": "latency_ms", "sense": "min", "weight": 2},
    {"name": "params", "sense": "max"},
]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Give a run that measured its layers and searched with them, and its config."""
    folder = tmp_path_factory.mktemp("latency")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(
        folder / "tiny.yaml", latency="measure", search={"objectives": OBJECTIVES}
    )
    values = yaml.safe_load(config.read_text())
    values["data"]["folder"] = str(folder / "recordings")
    config.write_text(yaml.safe_dump(values))
    done = asc_nas("search", config, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    return folder / "run", config, done


def members_of(run):
    return json.loads((run / "search" / "pareto.json").read_text())["members"]


def predicted(run, members):
    """Predict the members' latencies with the table that lies in the run."""
    table = LatencyTable.read(run / "latency" / "latency.json")
    spec = RunFolder.open(run).spec
    return [table.predict(spec(Genotype.parse(member["genotype"]))) for member in members]


@pytest.mark.slow
def test_a_search_measures_its_layers_and_follows_latency(searched):
    run, _, done = searched
    members = members_of(run)
    assert [member["latency_ms"] for member in members] == predicted(run, members)
    assert f"{members[0]['latency_ms']:.3f} ms" in done.stdout
    assert [path.name for path in (run / "latency").iterdir()] == ["latency.json"]
    again = asc_nas("latency", "measure", run)
    assert "there already" in again.stdout


@pytest.mark.slow
def test_the_table_of_a_kit_is_copied_into_the_run_and_steers_it(searched, tmp_path):
    _, config, _ = searched
    kit, run = tmp_path / "kit", tmp_path / "run"
    written = asc_nas("latency", "kit", config, "--out", kit, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    assert "measure.py" in written.stdout
    subprocess.run([sys.executable, kit / "measure.py"], check=True, timeout=PATIENCE)
    table = json.loads((kit / "latency.json").read_text())
    table["layers"] = {key: 1e3 + ms for key, ms in table["layers"].items()}
    table["networks"] = [entry | {"ms": 1e4 + entry["ms"]} for entry in table["networks"]]
    (kit / "latency.json").write_text(json.dumps(table))
    setting = "latency=kit/latency.json"
    done = asc_nas("search", config, "--out", run, "--set", setting, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    copied = json.loads((run / "latency" / "latency.json").read_text())
    assert copied | table == copied
    members = members_of(run)
    assert [member["latency_ms"] for member in members] == predicted(run, members)
    shutil.rmtree(kit)
    assert asc_nas("search", run).returncode == 0  # elsewhere, and the file is gone


@pytest.mark.slow
@pytest.mark.skipif(bool(missing_tools("cortex-m4")), reason="no compiler or emulator for Arm")
def test_instructions_counted_on_an_emulated_chip_steer_a_search(searched, tmp_path):
    _, config, _ = searched
    kit, run = tmp_path / "kit", tmp_path / "run"
    written = asc_nas("latency", "kit", config, "--out", kit, "--target", "c", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    assert "asc-nas latency count" in written.stdout
    done = asc_nas("latency", "count", kit, "--mhz", 64)
    assert done.returncode == 0, done.stderr
    name = "cortex-m4 in QEMU, an instruction with every cycle of 64 MHz"
    assert f"layers on {name} -> {kit / 'latency.json'}" in done.stdout
    error = float(re.search(r"a mean error of (\S+)%", done.stdout)[1])
    assert error < 2
    done = asc_nas("search", config, "--out", run, "--set", f"latency={kit / 'latency.json'}")
    assert done.returncode == 0, done.stderr
    members = members_of(run)
    assert [member["latency_ms"] for member in members] == predicted(run, members)
    done = asc_nas("latency", "check", run)
    assert done.returncode == 2
    assert "only those of onnxruntime can be checked here" in done.stderr
    done = asc_nas("latency", "kit", config, "--target", "lua", "--out", kit, cwd=tmp_path)
    assert done.returncode == 2
    assert "no latency kit for 'lua'; known: onnx, c." in done.stderr


def test_the_folder_of_a_kit_is_not_taken_for_that_of_the_run(tmp_path):
    config = write_config(tmp_path / "tiny.yaml")
    made_with = RunConfig.parse(yaml.safe_load(config.read_text()) | {"seed": 7}, "tiny")
    paths = RunPaths(tmp_path / "runs" / made_with.name)
    paths.manifest.parent.mkdir(parents=True)
    paths.config.write_text(config_text(made_with))
    paths.manifest.touch()
    done = asc_nas("latency", "kit", config, "--out", tmp_path / "kit", cwd=tmp_path)
    assert done.returncode == 2
    assert "seed is 0, was 7" in done.stderr
    assert "give the run another name with --set name=NAME." in done.stderr
    assert "--out" not in done.stderr


def test_what_is_no_kit_in_c_is_told(tmp_path):
    (tmp_path / "kit.json").write_text('{"format": "asc-nas/latency-kit/1", "target": "onnx"}')
    done = asc_nas("latency", "count", tmp_path)
    assert done.returncode == 1
    assert "a kit for onnxruntime; its measure.py runs it" in done.stderr
    done = asc_nas("latency", "count", tmp_path / "nothing")
    assert done.returncode == 1
    assert "no such file" in done.stderr


@pytest.mark.slow
def test_a_table_of_another_space_is_refused_before_any_training(searched, tmp_path):
    measured, config, _ = searched
    table = measured / "latency" / "latency.json"
    done = asc_nas(
        "search", config, "--out", tmp_path / "run",
        "--set", f"latency={table}", "--set", "space.expansions=[1.5, 4]",
    )  # fmt: skip
    assert done.returncode == 2
    assert "another config" in done.stderr
    assert "asc-nas latency kit" in done.stderr
    assert not (tmp_path / "run" / "supernet").exists()


@pytest.mark.slow
def test_an_impossible_latency_limit_names_the_smallest(searched, tmp_path):
    measured, config, _ = searched
    table = measured / "latency" / "latency.json"
    done = asc_nas(
        "search", config, "--out", tmp_path / "run",
        "--set", f"latency={table}", "--set", "search.limits.max_latency_ms=0.0001",
    )  # fmt: skip
    assert done.returncode == 2
    assert "max_latency_ms: no genotype of this space comes below 0.0001; the smallest" in (
        done.stderr
    )
    assert re.search(r"the smallest found .* has \d", done.stderr)


@pytest.mark.slow
def test_check_prints_predicted_and_measured_latency(searched):
    done = asc_nas("latency", "check", searched[0], "--networks", 3)
    assert done.returncode == 0, done.stderr
    assert "3 networks: Spearman" in done.stdout
