"""The guide of DCASE Task 1, all of it, on a tiny TAU Urban 2022 and tiny evaluation sets."""

import subprocess
import sys
import zipfile

import pytest
import yaml
from documented import ROOT, commands
from tau_runs import evaluation_set, settings
from tiny import ENVIRONMENT
from trees import tau_2022_splits
from typer.testing import CliRunner

from asc_nas.cli.main import app

pytestmark = pytest.mark.slow
PAGE = ROOT / "docs/guides/dcase_task1.md"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """What the downloads of the guide would leave."""
    tau_2022_splits(tmp_path / "tau")
    evaluation_set(tmp_path / "tau2025")
    evaluation_set(tmp_path / "tau2024", devices=False)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(arguments):
    """Run a command of the guide, a run with tiny settings; return what it says."""
    small = [part for each in settings() for part in ("--set", each)]
    added = small if arguments[0] in ("run", "train") else []
    done = CliRunner().invoke(app, [*arguments, *added])
    assert done.exit_code == 0, f"{arguments}\n{done.output}\n{done.exception!r}"
    return done.output


def fill_in(folder):
    """Do what the guide leaves to the authors."""
    about = folder / "about.yaml"
    about.write_text(about.read_text().replace("TODO", "Ada"))
    (folder / "report/report.pdf").write_bytes(b"%PDF")


def test_the_guide_leads_from_the_download_to_the_zip(work):
    said = {}
    for command in commands(PAGE):
        arguments = command.arguments
        if arguments[:2] == ("data", "download"):
            continue
        filled = work / "Miller_UNI_task1"
        if arguments in said and filled.exists():  # "in the same words": all is filled in by then
            fill_in(filled)
        said[arguments] = call(arguments)

    again = next(a for a in said if a[:3] == ("submit", "runs/tau25", "best") and "2025" in a)
    assert "still to do" not in said[again]
    with zipfile.ZipFile(work / "Miller_UNI_task1/Miller_UNI_task1.zip") as archive:
        names = archive.namelist()
        meta = yaml.safe_load(archive.read("task1/Miller_UNI_task1_1/Miller_UNI_task1_1.meta.yaml"))
    assert len(names) == 9  # four systems and the report
    assert meta["submission"]["authors"][0]["lastname"] == "Ada"
    with zipfile.ZipFile(work / "task1-2024/Miller_UNI_task1.zip") as archive:
        endings = [name.partition(".output.")[2] for name in archive.namelist()]
    assert sorted(filter(None, endings)) == [
        f"split_{split}.csv" for split in ("10", "100", "25", "5", "50")
    ]
    last = [text for arguments, text in said.items() if "runs/tau100" in arguments][-1]
    assert "data.split" not in last

    (snippet,) = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    script = snippet.partition("```")[0].replace("clip.wav", "tau2025/audio/0.wav")
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nprint(len(class_order), logits[0].shape)"],
        env=ENVIRONMENT | {"PYTHONPATH": str(work / "Miller_UNI_task1/inference")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "10 torch.Size([10])\n"
