"""Calls that a command prints can be copied into a shell, whatever the paths are called."""

import os
import shlex
import shutil
import signal
import subprocess

import pytest
import soundfile
from test_init import RATE, tone
from tiny import ENVIRONMENT, asc_nas, command, wait_until, write_config

from asc_nas.cli.main import _goes_on
from asc_nas.core.errors import AscNasError, quoted
from asc_nas.core.errors import command as call
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.search import check_feasible
from data_prep.synthetic import Plan, generate

NAMES = [
    "plain",
    "my runs/a b",
    "it's",
    'a "b" c',
    "$HOME",
    "a`b",
    "a\\b",
    "a!b",
    "a\nb",
    "ü ñ",
    "*",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_back_what_was_quoted(name):
    assert shlex.split(call("run", name)) == ["asc-nas", "run", name]
    echo = ["sh", "-c", f"printf %s {quoted(name)}"]
    assert subprocess.check_output(echo, text=True) == name


@pytest.mark.skipif(shutil.which("bash") is None, reason="older plain shells lack such quotes")
@pytest.mark.parametrize("name", [b"d\xff", b"it's \\ \xe9", b'a\n"$b\xff', b"\xff/caf\xc3\xa9"])
def test_a_name_that_is_no_text_is_read_back_too(name):
    told = quoted(os.fsdecode(name))
    told.encode("utf-8")  # can be printed as it is
    assert subprocess.check_output(["bash", "-c", f"printf %s {told}"]) == name


@pytest.mark.parametrize(
    ("arguments", "goes_on"),
    [
        (["run", "my.yaml", "--budget", "6m"], "asc-nas run my.yaml --budget 6m --resume"),
        (["run", "my runs/a", "--resume"], 'asc-nas run "my runs/a" --resume'),
        (["train", "r", "t3e1w1 skip"], 'asc-nas train r "t3e1w1 skip"'),
        (["--debug", "crossval", "c.yaml"], "asc-nas --debug crossval c.yaml"),
        (["data", "download", "tut_2017"], "asc-nas data download tut_2017"),
        (["data", "check", "m.parquet"], ""),
        (["classify", "a.wav"], ""),
    ],
)
def test_a_stopped_command_says_how_it_goes_on(arguments, goes_on):
    assert _goes_on(arguments) == goes_on


@pytest.mark.slow
def test_after_ctrl_c_one_line_says_what_goes_on(tmp_path):
    config = write_config(tmp_path / "tiny.yaml", supernet={"epochs": 5000})
    generate(tmp_path / "made here", 0, Plan.tiny(), workers=1)
    arguments = ["run", config, "--data", tmp_path / "made here", "--out", tmp_path / "a run"]
    process = subprocess.Popen(
        command(*arguments), stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    state = tmp_path / "a run" / "supernet" / "state.safetensors"
    wait_until(lambda: state.exists() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1] == f"stopped; go on with: {call(*arguments, '--resume')}"


def test_what_init_says_is_next_is_quoted(tmp_path):
    for label, frequency in (("hum", 200), ("whistle", 2000)):
        (tmp_path / "r" / label).mkdir(parents=True)
        for number in range(6):
            soundfile.write(tmp_path / "r" / label / f"{number}.wav", tone(frequency), RATE)
    done = asc_nas("init", "r", "--out", "my config.yaml", "--no-check", cwd=tmp_path)
    assert done.stdout.rstrip().endswith('Next: asc-nas run "my config.yaml"'), done.stderr
    assert '# asc-nas run "my config.yaml"' in (tmp_path / "my config.yaml").read_text()


def test_the_call_that_trains_a_network_is_quoted(tmp_path):
    config = write_config(tmp_path / "tiny.yaml")
    (tmp_path / "recordings").mkdir()
    run = Run.open(config, tmp_path / "recordings", out=tmp_path / "my run")
    folder = find_network(run, "t3e1w1 skip").folder(run, seed=3)
    with pytest.raises(Exception, match="not trained yet") as error:
        folder.require_result()
    assert f"""'asc-nas train "{tmp_path}/my run" "t3e1w1 skip" --seed 3'""" in str(error.value)


def test_the_call_that_makes_a_latency_table_is_quoted(tmp_path):
    config = write_config(tmp_path / "tiny.yaml", latency="measure")
    (tmp_path / "recordings").mkdir()
    run = Run.open(config, tmp_path / "recordings", out=tmp_path / "my run")
    with pytest.raises(AscNasError) as error:
        check_feasible(run)
    assert f"""run 'asc-nas search "{tmp_path}/my run"'.""" in str(error.value)
