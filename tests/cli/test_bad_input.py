"""Bad input: one clear sentence, exit code 1 or 2, no traceback, nothing lost."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from tiny import asc_nas, write_config

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


def assert_one_sentence(done, code, *fragments):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for fragment in fragments:
        assert fragment in errors[0]


def test_a_missing_folder(tmp_path):
    config = config_of_folders(tmp_path / "c.yaml")
    done = asc_nas("run", config, "--data", tmp_path / "nowhere", "--out", tmp_path / "run")
    assert_one_sentence(done, 1, "nowhere", "no such folder")


def test_after_a_mistyped_folder_the_same_run_takes_the_right_one_and_keeps_to_it(tmp_path):
    recordings = folder_of_classes(tmp_path / "data", ["car", "rain"])
    config = config_of_folders(tmp_path / "c.yaml", supernet={"epochs": 1})
    command = ["supernet", config, "--out", tmp_path / "run", "--data"]
    assert asc_nas(*command, tmp_path / "dta").returncode == 1
    done = asc_nas(*command, recordings)
    assert done.returncode == 0, done.stderr
    done = asc_nas(*command, tmp_path / "dta")
    assert_one_sentence(done, 2, "data.folder is", "was")


def test_no_folder_given(tmp_path):
    done = asc_nas("run", config_of_folders(tmp_path / "c.yaml"), "--out", tmp_path / "run")
    assert_one_sentence(done, 2, "--data")


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


def test_a_command_without_the_search_extra_says_what_to_install(tmp_path):
    blocked = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from asc_nas.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked, "run", str(write_config(tmp_path / "c.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert_one_sentence(done, 1, "asc-nas[search]")


@pytest.mark.parametrize("module", ["torch", "pymoo", "librosa", "sklearn", "pyarrow"])
def test_the_command_line_starts_without(module):
    check = f"import sys, asc_nas.cli.main; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
