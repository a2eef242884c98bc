"""The settings that a run was made with are those that its directory holds."""

import pytest
from tiny import TINY

from asc_nas.core.errors import UsageError
from asc_nas.core.packages import packaged
from asc_nas.run.config import RunConfig
from asc_nas.run.opening import config_text, read_config, read_settings

CONFIG = RunConfig.parse(TINY, "tiny")


def test_settings_read_back_as_they_were_written(tmp_path):
    (tmp_path / "config.yaml").write_text(config_text(CONFIG))
    assert read_settings(tmp_path) == CONFIG


@pytest.mark.parametrize(("old", "new"), [("epochs: 3", "epochs: 7"), ("seed: 0", "seed: 1")])
def test_a_changed_config_of_a_run_is_noticed_and_taken_without_its_last_line(tmp_path, old, new):
    text = config_text(CONFIG).replace(old, new)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"its checksum differs.*remove its last line"):
        read_config(tmp_path / "config.yaml")
    (tmp_path / "config.yaml").write_text(text[: text.rindex("#")])
    assert read_settings(tmp_path) != CONFIG


def test_a_missing_folder_is_not_filled_with_recordings_unless_the_config_says_so(tmp_path):
    assert CONFIG.data.dataset == "synthetic"
    with pytest.raises(UsageError, match=r"gone: no such folder; give one that holds recordings"):
        read_settings(TINY, tmp_path / "gone")
    assert read_settings(TINY, tmp_path).data.folder == str(tmp_path.resolve())
    settings = {"data.folder": str(tmp_path / "gone")}
    assert read_settings(TINY, None, settings).data.folder == str(tmp_path / "gone")


def test_a_copy_is_a_config_like_any_other(tmp_path):
    (tmp_path / "mine.yaml").write_text(config_text(CONFIG).replace("seed: 0", "seed: 1"))
    assert read_settings(tmp_path / "mine.yaml").seed == 1


def test_a_config_that_comes_with_asc_nas_may_be_given_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_settings("nasc") == read_settings(packaged("configs") / "nasc.yaml")
    with pytest.raises(UsageError, match=r"no such config file\. Did you mean '.*nasc\.yaml'"):
        read_settings("nascc")
    (tmp_path / "nasc").mkdir()  # what lies here comes first
    with pytest.raises(UsageError, match="not a run directory"):
        read_settings("nasc")
