"""Bad input: one clear sentence, exit code 1 or 2, no traceback, nothing lost."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tiny
from tiny import asc_nas_here as asc_nas
from tiny import write_config
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError
from asc_nas.run.folder import RunFolder

pytestmark = pytest.mark.slow


def folder_of_classes(root, classes, clips=6, rate=16000):
    rng = np.random.default_rng(0)
    for label in classes:
        (root / label).mkdir(parents=True)
        for i in range(clips):
            soundfile.write(root / label / f"{i}.wav", rng.normal(0, 0.1, rate), rate)
    return root


def config_of_folders(path, **changes):
    data = {"dataset": "folders", "test_folds": [], "test_fraction": 0.25}
    return write_config(path, **({"data": data} | changes))


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def assert_one_sentence(done, code, *fragments):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for fragment in fragments:
        assert fragment in errors[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "{config}", "--set", "epochs=5"], "Did you mean 'supernet.epochs' or 'retrain."),
        (["run", "{config}", "--set", "win_length=5"], "Did you mean 'frontend.win_length'"),
        (["run", "{config}", "--budget", "6"], "'6' is no duration; write it as 90s, 30m"),
        (["init", "{data}", "--max-latency-ms", "5"], "needs a table of the device's times: add"),
        (["init", "{data}", "--seconds", "100"], "the longest recording has 1 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_an_error_says_what_to_write_instead(tmp_path, arguments, told):
    data = folder_of_classes(tmp_path / "sounds", "ab", rate=16000)
    places = {"config": config_of_folders(tmp_path / "c.yaml"), "data": data}
    call = [argument.format(**places) for argument in arguments]
    assert_one_sentence(asc_nas(*call, cwd=tmp_path), 2, told)
    assert not list(tmp_path.glob("*.clips.csv"))


def test_a_misspelt_format_is_told_with_the_nearest(tmp_path):
    done = asc_nas("classify", tmp_path, "--format", "jsn")
    assert done.returncode == 2
    assert "'jsn'. Did you mean 'json'? Known: table, json, csv," in " ".join(done.stderr.split())


def test_debug_may_stand_anywhere(tmp_path):
    for arguments in (["--debug", "run", "nowhere"], ["run", "nowhere", "--debug"]):
        done = tiny.asc_nas(*arguments, cwd=tmp_path)
        assert "Traceback" in done.stderr
        assert "UsageError: nowhere: no such config file" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ([], 2, "add --data FOLDER"),
        (["--data", "nowhere"], 1, "no such folder"),
        (["--data", "data", "--budget", "soon"], 2, "no duration"),
        (["--data", "data", "--budget", "1s"], 2, "too short"),
        (["--data", "data", "--set", "search.limits.max_macs=10"], 2, "smallest found"),
        (["--data", "data", "--set", "latency=nowhere.json"], 1, "nowhere.json"),
        (["--data", "data", "--set", "data.exclude=nowhere.txt"], 2, "nowhere.txt"),
        (["--data", "data", "--set", "data.test_folds=[9]"], 2, "no fold '9'"),
        (["--data", "data/car", "--tensorboard"], 1, "no audio in class folders"),
    ],
)
@pytest.mark.parametrize("command", ["run", "search", "supernet", "crossval"])
def test_nothing_is_created_before_arguments_data_and_budget_are_valid(
    tmp_path, monkeypatch, command, options, code, told
):
    asked = [word for word in options if word.startswith("--")]
    if command != "run" and {"--budget", "--tensorboard"} & set(asked):
        pytest.skip("not an option of it")
    if command == "crossval" and "data.test_folds=[9]" in options:
        told = "choose the folds"
    monkeypatch.chdir(tmp_path)
    folder_of_classes(tmp_path / "data", ["car", "rain"])
    clips = sorted((tmp_path / "data").rglob("*.wav"))
    rows = "".join(f"{c.parent.name}/{c.name},{c.parent.name},{c.stem}\n" for c in clips)
    (tmp_path / "data" / "clips.csv").write_text("path,label,fold\n" + rows)
    data = {"dataset": "folders", "test_folds": [], "workers": 1}
    if command == "crossval":
        data["dataset"] = "csv"
        options = [f"{word}/clips.csv" if word == "data" else word for word in options]
        told = told.replace("no audio in class folders", "not a file")
    config = config_of_folders(tmp_path / "c.yaml", data=data)
    done = call(command, config, *options, "--out", "run/deep")
    assert (done.exception.exit_code, told in str(done.exception)) == (code, True), done.exception
    assert not (tmp_path / "run").exists()


def test_a_folder_with_a_lock_file_only_is_no_run(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    config = config_of_folders(tmp_path / "c.yaml")
    run = RunFolder.open(config, recordings, None, tmp_path / "run", resume=False)
    with run.lock():
        assert run.paths.config.exists()
    with pytest.raises(AscNasError, match="exists already"):
        RunFolder.open(config, recordings, None, tmp_path / "run", resume=False)


def test_what_is_not_there_yet_is_not_created_by_asking_for_it(tmp_path):
    config = config_of_folders(tmp_path / "c.yaml")
    for arguments in (["export", config, "3"], ["export", config, "baseline"], ["report", config]):
        with contextlib.chdir(tmp_path):
            assert call(*arguments).exit_code == 1
        assert not (tmp_path / "runs").exists()


def test_after_a_mistyped_folder_the_same_run_takes_the_right_one_and_keeps_to_it(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    config = config_of_folders(tmp_path / "c.yaml", supernet={"epochs": 1})
    command = ["supernet", config, "--out", tmp_path / "run", "--data"]
    assert asc_nas(*command, tmp_path / "dta").returncode == 1
    done = asc_nas(*command, recordings)
    assert done.returncode == 0, done.stderr
    done = asc_nas(*command, tmp_path / "dta")
    assert_one_sentence(done, 2, "data.folder is", "was")


def test_a_misspelt_key_gets_the_closest_right_one(tmp_path):
    config = write_config(tmp_path / "c.yaml", supernet={"epoch": 3})
    done = asc_nas("run", config, "--out", tmp_path / "run")
    assert_one_sentence(done, 2, "supernet.epoch'", "Did you mean 'epochs'", "c.yaml")
    assert not (tmp_path / "run").exists()


def test_a_misspelt_key_on_the_command_line(tmp_path):
    config = write_config(tmp_path / "c.yaml")
    done = asc_nas("run", config, "--out", tmp_path / "run", "--set", "search.popluation=8")
    assert_one_sentence(done, 2, "Did you mean 'population'")


def test_a_missing_config(tmp_path):
    assert_one_sentence(asc_nas("run", tmp_path / "none.yaml"), 2, "none.yaml")


def test_a_class_with_one_clip(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    for extra in sorted((recordings / "rain").iterdir())[1:]:
        extra.unlink()
    config = config_of_folders(tmp_path / "c.yaml")
    done = asc_nas("run", config, "--data", recordings, "--out", tmp_path / "run")
    assert_one_sentence(done, 1, "rain")


def test_everything_one_level_too_deep_is_one_class_and_refused_everywhere(tmp_path):
    deep = tmp_path / "n7"
    folder_of_classes(deep / "archive", ["a", "b", "c"])
    told = f"only the class 'archive' is there (or give {deep}/archive, if a, b, c are the classes)"
    config = config_of_folders(tmp_path / "c.yaml")
    for arguments in (
        ["run", config, "--data", deep, "--out", tmp_path / "run"],
        ["crossval", config, "--data", deep, "--out", tmp_path / "run"],
        ["data", "prepare", "folders", deep, "--out", tmp_path / "m.parquet"],
        ["init", deep, "--out", tmp_path / "own.yaml"],
    ):
        done = call(*arguments)
        assert isinstance(done.exception, AscNasError)
        assert told in str(done.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "n7"]


def test_limits_that_no_genotype_meets(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    config = config_of_folders(tmp_path / "c.yaml", search={"limits": {"max_macs": 10}})
    done = asc_nas("run", config, "--data", recordings, "--out", tmp_path / "run")
    assert_one_sentence(done, 2, "max_macs", "smallest")


def test_a_file_that_is_no_audio_is_named_and_the_rest_is_kept(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    (recordings / "car" / "3.wav").write_text("this is no audio")
    config = config_of_folders(tmp_path / "c.yaml")
    out = tmp_path / "run"
    done = asc_nas("run", config, "--data", recordings, "--out", out)
    assert_one_sentence(done, 1, "3.wav", "data.skip_unreadable")
    kept = (out / "features" / "features.npy").stat().st_mtime_ns
    gone_on = asc_nas("supernet", out, "--set", "data.skip_unreadable=true")
    assert gone_on.returncode == 0, gone_on.stderr
    assert (out / "features" / "features.npy").stat().st_mtime_ns == kept
    assert (out / "supernet" / "supernet.safetensors").exists()


def test_features_of_other_settings_are_refused(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"], clips=2)
    manifest, features = tmp_path / "m.parquet", tmp_path / "features"
    assert asc_nas("data", "prepare", "folders", recordings, "--out", manifest).returncode == 0
    first = asc_nas("features", manifest, "--frontend", "esc10", "--out", features)
    assert first.returncode == 0, first.stderr
    before = (features / "features.npy").read_bytes()
    done = asc_nas("features", manifest, "--frontend", "dcase2018_task5", "--out", features)
    assert_one_sentence(done, 1, "other front-end settings", "n_mels")
    assert (features / "features.npy").read_bytes() == before


def test_a_run_of_other_settings_is_refused(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    config = config_of_folders(tmp_path / "c.yaml", supernet={"epochs": 1})
    out = tmp_path / "run"
    done = asc_nas("supernet", config, "--data", recordings, "--out", out)
    assert done.returncode == 0, done.stderr
    done = asc_nas("run", config, "--out", out, "--resume", "--set", "frontend.n_mels=24")
    assert_one_sentence(done, 2, "frontend.n_mels is 24, was 20")


def test_a_folder_that_is_no_run(tmp_path):
    assert_one_sentence(asc_nas("search", tmp_path), 2, "not a run directory")


def test_wrong_options_exit_with_two():
    done = asc_nas("runn")
    assert done.returncode == 2
    assert "Did you mean" in done.stderr


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [("torch", "run", "search"), ("onnx", "page", "page"), ("jinja2", "page", "page")],
)
def test_a_command_without_its_extra_says_what_to_install(tmp_path, module, command, extra):
    blocked = (
        "import sys\n"
        f"sys.modules['{module}'] = None\n"
        "from asc_nas.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked, command, str(write_config(tmp_path / "c.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert_one_sentence(done, 1, f"asc-nas[{extra}]")


@pytest.mark.parametrize("module", ["torch", "pymoo", "librosa", "sklearn", "pyarrow"])
def test_the_command_line_starts_without(module):
    check = f"import sys, asc_nas.cli.main; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_step_of_a_run_starts_without_what_only_the_last_ones_need():
    late = {"onnx", "matplotlib", "scipy.stats"}
    check = f"import sys, asc_nas.run.run; print(sorted({late} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
