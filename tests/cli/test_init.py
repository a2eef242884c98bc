"""Own recordings: look, write a config, run it, classify."""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from tiny import TINY
from tiny import asc_nas_here as asc_nas

from asc_nas.cli.commands.init import run_name
from asc_nas.export.firmware.toolchain import missing_tools

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

RATE = 8000
CHEAP = [
    f"--set={key}={value}"
    for key, value in {
        "skeleton": yaml.safe_dump(TINY["skeleton"], default_flow_style=True).strip(),
        "space.stems": [],
        "space.channels": [],
        "frontend.n_mels": 16,
        "rank.epochs": 2,
        "rank.warmup_epochs": 0,
        "retrain.epochs": 2,
        "retrain.members": 1,
        "baselines": "{summed: {kernels: [f3+t3], expansion: 1}}",
        "data.workers": 1,
    }.items()
]

FAST = ("--set=retrain.epochs=2", "--set=data.workers=1", "--set=retrain.warmup_epochs=0")


def tone(frequency, seconds=1.0, seed=0):
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.05, len(time))
    return 0.3 * np.sin(2 * np.pi * frequency * time) + noise


@pytest.fixture
def recordings(tmp_path):
    """Two classes, six sites each, two recordings per site."""
    return written(tmp_path / "my recordings", 1.0)


def written(folder, seconds):
    """Write such recordings, each so long."""
    for label, frequency in (("hum", 200), ("whistle", 2000)):
        for site in range(6):
            for take in range(2):
                path = folder / label / f"site{site}_{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, tone(frequency, seconds, 10 * site + take), RATE)
    return folder


def test_init_run_classify(recordings, tmp_path):
    done = asc_nas("init", recordings, "--max-macs", "3M", "--max-kb", 64, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "asc-nas run my_recordings.yaml" in done.stdout
    ran = asc_nas("run", "my_recordings.yaml", *CHEAP, "--tensorboard", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    run = tmp_path / "runs" / "my_recordings"
    model = run / "models" / "my_recordings-best.onnx"
    done = asc_nas("classify", recordings / "hum", "--model", model, "--format", "json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)[0]["scores"]
    assert set(scores) == {"hum", "whistle", "none of these", "silent"}
    assert json.loads(model.with_suffix(".json").read_text())["macs"] <= 3e6

    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = [(e["step"], e.get("epoch", e.get("generation"))) for e in events]
    assert steps == [
        *(("rank", 1), ("rank", 2), ("search", 1)),
        *(("retrain", 1), ("retrain", 2), ("test", None)),
    ]
    assert len(list((run / "tensorboard").rglob("events.out.*"))) == 4
    again = asc_nas("run", "runs/my_recordings", "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len((run / "events.jsonl").read_text().splitlines()) == len(events)


def test_the_list_has_the_sites_as_groups_and_the_config_the_limits(recordings, tmp_path):
    done = asc_nas(
        "init", recordings, "--max-kb", 60, "--bytes-per-param", 1, "--no-check", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((tmp_path / "my_recordings.yaml").read_text())
    assert config["search"]["limits"] == {"max_param_bytes": 60000, "bytes_per_param": 1}
    assert config["skeleton"] == "cp_mobile"
    with (tmp_path / "my_recordings.clips.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["group"] for row in rows} == {f"site{n}" for n in range(6)}
    assert "guessed from file names" in done.stdout
    assert "fewer than 20 clips" in done.stdout


def test_a_tight_limit_takes_a_smaller_skeleton_and_an_impossible_one_is_told(recordings, tmp_path):
    common = ("init", recordings, "--no-check", "--out", tmp_path / "c.yaml", "--max-kb")
    done = asc_nas(*common, 4)
    assert done.returncode == 0, done.stderr
    assert "skeleton cp_mobile_tiny" in done.stdout
    (tmp_path / "c.yaml").unlink()
    (tmp_path / "c.clips.csv").unlink()
    done = asc_nas(*common, 1)
    assert done.returncode == 2
    assert "max_param_bytes" in done.stderr
    assert "smallest" in done.stderr
    assert not (tmp_path / "c.yaml").exists()
    assert not (tmp_path / "c.clips.csv").exists()


def test_bad_recordings_are_told_and_left_out(recordings, tmp_path):
    (recordings / "hum" / "site0_0.wav").write_text("no audio")
    soundfile.write(recordings / "hum" / "site1_0.wav", np.zeros(RATE), RATE)
    done = asc_nas("init", recordings, "--out", tmp_path / "c.yaml")
    assert done.returncode == 0, done.stderr
    assert "not readable as audio" in done.stdout
    assert "is silent" in done.stdout
    config = yaml.safe_load((tmp_path / "c.yaml").read_text())
    left_out = (tmp_path / "c.exclude.txt").read_text().splitlines()
    assert [key.rpartition("/")[2] for key in left_out if key[0] != "#"] == [
        *("site0_0.wav", "site1_0.wav")
    ]
    assert config["data"]["exclude"] == str(tmp_path / "c.exclude.txt")


def test_answers_of_classify_beside_the_recordings_are_passed_over_with_a_note(
    recordings, tmp_path
):
    rows = "".join(f"hum/site{n}_0.wav,whistle,0.9,\n" for n in range(6))
    (recordings / "answers.csv").write_text("path,label,probability,error\n" + rows)
    done = asc_nas("init", recordings, "--no-check", "--out", tmp_path / "c.yaml")
    assert done.returncode == 0, done.stderr
    assert "24 recordings" in done.stdout
    assert "note: answers.csv: answers of 'asc-nas classify', not taken for labels" in done.stdout
    labels = [row["label"] for row in csv.DictReader((tmp_path / "c.clips.csv").open())]
    assert labels == ["hum"] * 12 + ["whistle"] * 12


def test_what_a_user_may_have_edited_is_not_overwritten(recordings, tmp_path):
    (tmp_path / "c.yaml").write_text("mine")
    done = asc_nas("init", recordings, "--out", tmp_path / "c.yaml")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (tmp_path / "c.yaml").read_text() == "mine"


def test_two_long_recordings_of_a_class_are_cut_into_blocks_of_time(tmp_path):
    for label, frequency in (("hum", 200), ("whistle", 2000)):
        (tmp_path / "r" / label).mkdir(parents=True)
        for number in range(2):
            wave = tone(frequency, seconds=40.0, seed=number)
            soundfile.write(tmp_path / "r" / label / f"{number}.wav", wave, RATE)
    done = asc_nas("init", "r", "--seconds", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: hum, whistle: too few recordings" in done.stdout
    with (tmp_path / "r.clips.csv").open() as handle:
        groups = {row["group"] for row in csv.DictReader(handle)}
    assert {f"hum/{n}#{block}" for n in "01" for block in "1234"} < groups


def test_too_few_recordings_are_one_clear_error_and_the_list_can_be_corrected(tmp_path):
    for label in ("hum", "whistle"):
        (tmp_path / "r" / label).mkdir(parents=True)
        for number in range(2):
            soundfile.write(tmp_path / "r" / label / f"{number}.wav", tone(300, seed=number), RATE)
    done = asc_nas("init", tmp_path / "r", cwd=tmp_path)
    assert done.returncode == 1
    assert "hum" in done.stderr
    assert "Traceback" not in done.stderr
    assert "then run 'asc-nas init r.clips.csv'" in done.stderr
    assert not (tmp_path / "r.yaml").exists()
    with (tmp_path / "r.clips.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["group"] for row in rows] == ["hum/0", "hum/1", "whistle/0", "whistle/1"]


@pytest.mark.parametrize("text", ["abc", "-3", "0", "inf", "M"])
def test_a_limit_that_is_no_number_is_refused(tmp_path, text):
    done = asc_nas("init", tmp_path, f"--max-macs={text}")
    assert done.returncode == 2
    assert "not a positive number" in done.stderr


def test_a_chip_gives_its_limits_and_others_come_on_top(recordings, tmp_path):
    common = ("init", recordings, "--no-check", "--out", tmp_path / "c.yaml", "--chip")
    done = asc_nas(*common, "stm32l476rg", "--max-ram-kb", 40, "--max-macs", "8M")
    assert done.returncode == 0, done.stderr
    limits = yaml.safe_load((tmp_path / "c.yaml").read_text())["search"]["limits"]
    assert limits == {
        "max_ram_kb": 40,
        "max_param_bytes": 524288,
        "bytes_per_param": 1,
        "count_as": "layers",
        "max_macs": 8_000_000,
        "target": "c",
    }
    done = asc_nas(*common, "stm32l467rg", "--force")
    assert done.returncode == 2
    assert "Did you mean 'stm32l476rg'" in done.stderr
    assert "1024 KiB flash, 128 KiB RAM, 80 MHz; ST DS10198" in done.stderr


@pytest.mark.skipif(bool(missing_tools("pc")), reason="no C compiler")
def test_the_guide_to_a_microcontroller_leads_to_code_within_the_chip(recordings, tmp_path):
    """Every command of its three steps, as it stands there, but for smaller numbers of epochs."""
    text = (ROOT / "docs" / "guides" / "microcontroller.md").read_text("utf-8")
    steps = text.partition("## 4.")[0]
    commands = re.findall(r"^asc-nas (.*)$", steps, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["init", "run", "export", "verify"]
    said = []
    for command in commands:
        own = command.replace("RECORDINGS", f"'{recordings}'").replace("/demo", "/mine")
        own = own.replace("mine 2 ", "mine best ").replace("mine-2", "mine-best")
        more = CHEAP if own.startswith("run") else []
        done = asc_nas(*shlex.split(own), *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    limits = yaml.safe_load((tmp_path / "mine.yaml").read_text())["search"]["limits"]
    for line in said[-1].splitlines():  # of the chips whose tools are here
        name, *cells = re.split(r"  +", line.strip())
        numbers = [
            int(cell.replace(",", "")) for cell in cells if cell[0].isdigit() and "bytes" in name
        ]
        if name.startswith("RAM"):
            assert max(numbers) < 1000 * limits["max_ram_kb"]
        if name.startswith("flash"):
            assert max(numbers) < limits["max_param_bytes"]
    assert "RAM, bytes" in said[-1]
    assert "NOT" not in said[-1]
    ending = said[1].partition("Best: network")[2]
    assert re.search(r"limit max_ram_kb +met: [\d.]+ of 65\.536", ending)
    assert str(Path("runs") / "mine" / "models" / "mine-best-c") in ending  # exported by the run
    assert "asc-nas verify runs/mine/models/mine-best-c" in ending.partition("Next:")[2]


def test_windows_are_long_and_less_ram_makes_the_network_smaller_and_then_windows_shorter(tmp_path):
    folder, config = written(tmp_path / "long", 4.0), tmp_path / "c.yaml"
    said, hops, widest = [], [], []
    for rate, kilobytes in ((8000, 60), (8000, 12), (32000, 34)):
        limits = ("--max-ram-kb", kilobytes, "--sample-rate", rate)
        done = asc_nas("init", folder, "--no-check", "--force", "--out", config, *limits)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.splitlines()[-2])
        written_config = yaml.safe_load(config.read_text())
        front_end = written_config["frontend"]
        widest.append(written_config["space"]["stems"][-1])
        assert front_end["win_length"] == 2 * front_end["hop_length"]
        hops.append(front_end["hop_length"] / rate)
    assert said[0] == f"Config -> {config}"
    assert said[1] == said[0]
    assert "with shorter windows and hops for the limits" in said[2]
    assert hops == [0.08, 0.08, 0.04]
    assert widest[0] > widest[1]


def test_limits_are_filled_by_the_widest_network_that_meets_them(recordings, tmp_path):
    config = tmp_path / "c.yaml"
    wide = []
    for limit in ("120k", "400k", "1M", "4M", "1G"):
        limits = ("--max-macs", limit, "--force", "--out", config)
        done = asc_nas("init", recordings, "--no-check", *limits)
        assert done.returncode == 0, done.stderr
        read = yaml.safe_load(config.read_text())
        wide.append((read["skeleton"], max(read["space"]["channels"][-1])))
        assert read["space"]["channels"][-1] == sorted(set(read["space"]["channels"][-1]))
    assert [channels for _, channels in wide] == sorted(channels for _, channels in wide)
    assert wide[-1] == ("cp_mobile", 208)


def test_where_only_a_sliver_of_a_skeleton_fits_the_smaller_one_is_taken(recordings, tmp_path):
    config, taken = tmp_path / "c.yaml", []
    for limit in ("3k", "4k"):  # at 3k a quarter of cp_mobile's width would fit
        limits = ("--max-params", limit, "--force", "--out", config)
        done = asc_nas("init", recordings, "--no-check", *limits)
        assert done.returncode == 0, done.stderr
        taken.append(yaml.safe_load(config.read_text())["skeleton"])
    assert taken == ["cp_mobile_tiny", "cp_mobile"]


def test_too_little_ram_is_told_with_the_smallest(recordings, tmp_path):
    done = asc_nas("init", recordings, "--no-check", "--max-ram-kb", 1, cwd=tmp_path)
    assert done.returncode == 2
    assert "max_ram_kb: no hand-made network comes below 1; the smallest" in done.stderr


def test_few_recordings_begin_with_a_network_that_is_trained(tmp_path, recordings):
    """Its front end and its network are taken; what comes next is printed, and works."""
    asc_nas("init", recordings, "--out", "first.yaml", "--no-check", cwd=tmp_path)
    run = asc_nas("train", "first.yaml", "summed", *CHEAP[:4], *FAST, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    other = tmp_path / "others"
    for label in ("hum", "whistle"):
        shutil.copytree(recordings / label, other / f"{label}_again")
    start = "runs/first/retrain/summed"
    done = asc_nas("init", other, "--start-from", start, "--max-macs", "9M", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((tmp_path / "others.yaml").read_text())
    first = yaml.safe_load((tmp_path / "runs/first/config.yaml").read_text())
    assert config["frontend"]["sample_rate"] == RATE
    assert config["skeleton"]["stages"] == first["skeleton"]["stages"]
    assert config["search"]["limits"] == {"max_macs": 9_000_000}
    for line in done.stdout.splitlines()[-2:]:
        command = shlex.split(line.partition(": asc-nas ")[2])
        again = asc_nas(*command, *(FAST if command[0] == "train" else ()), cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    assert (tmp_path / "runs/others/models/others-started.onnx").is_file()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--start-from", "nothing"), "no weights 'nothing' to start from"),
        (("--start-from", "x", "--seconds", "1"), "leave out --seconds"),
    ],
)
def test_what_cannot_be_started_from_is_told(tmp_path, recordings, options, told):
    done = asc_nas("init", recordings, "--no-check", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("*.yaml"))


def test_a_run_is_called_as_the_user_calls_the_folder(tmp_path, monkeypatch):
    (tmp_path / "esc10 v2").mkdir()
    (tmp_path / "mine").symlink_to(tmp_path / "esc10 v2")
    assert run_name(tmp_path / "mine") == "mine"
    monkeypatch.chdir(tmp_path / "esc10 v2")
    assert run_name(Path()) == run_name(Path("x/..")) == "esc10_v2"
    assert run_name(Path("lists/my.csv")) == "my"
