"""The library as docs/API.md shows it: the script runs, nothing is printed, importing is cheap."""

import re
import subprocess
import sys

import pytest
from documented import ROOT
from tiny import write_config

import asc_nas
from asc_nas.core.errors import UsageError
from data_prep.synthetic import Plan, generate

PAGE = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
SCRIPT = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)[0]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with the built-in set and the demo's config, both tiny."""
    data = tmp_path / "data" / "synthetic-task5"
    generate(data, 0, Plan.tiny(), workers=1)
    (tmp_path / "configs").mkdir()
    write_config(tmp_path / "configs" / "demo.yaml", data={"folder": str(data), "workers": 1})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_script_does_the_whole_job_through_the_library_alone(work, capsys):
    assert len(SCRIPT.splitlines()) <= 15
    found = {}
    exec(SCRIPT, found)
    shown = capsys.readouterr()
    assert shown.err == ""
    assert [line.split()[0] for line in shown.out.splitlines()[:1]] == ["network"]
    frame = found["results"].to_frame()
    assert list(frame["network"]) == [str(found["best"]), "baseline"]
    assert list(frame["macro_f1"]) == [result.macro_f1 for result in found["results"]]
    assert len(found["answers"]) == 9
    assert found["page"].name == "report.html"
    assert found["model"].card.results["calibration"]["fitted_on"] == "search_val, twin"


@pytest.mark.slow
def test_a_run_from_a_mapping_tells_its_progress_and_prints_nothing(work, capsys):
    told, said = [], []
    listener = asc_nas.Listener(lambda *progress: told.append(progress), said.append)
    import yaml

    settings = yaml.safe_load((work / "configs" / "demo.yaml").read_text())
    changes = {"retrain.members": 1, "retrain.calibrate": False, "baselines": {}}
    run = asc_nas.Run.open(settings, None, changes, work / "run", listener=listener)
    outcome = run.run()
    assert outcome.best == outcome.members[0]
    assert outcome.models[-1].file.name == "tiny-best.onnx"
    titles = {title for title, *_ in told}
    assert {"Features", "Supernet", "Search"} < titles
    assert ("Supernet", 3, 3) in {row[:3] for row in told}
    assert capsys.readouterr() == ("", "")
    again = asc_nas.Run.open(work / "run", listener=listener)
    assert again.search() == run.search()
    assert again.config == run.config


def test_a_wrong_setting_is_one_sentence_and_no_exit():
    with pytest.raises(UsageError, match=r"config: unknown key 'serach'.* Did you mean 'search'"):
        asc_nas.Run.open({"name": "x", "serach": {}})


def test_importing_the_library_loads_nothing_heavy():
    heavy = {"torch", "numpy", "onnxruntime", "pydantic", "pandas", "yaml"}
    code = f"import sys, asc_nas; asc_nas.AscNasError; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_every_name_that_the_library_offers_is_there_and_no_other():
    assert all(getattr(asc_nas, name) is not None for name in asc_nas.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        asc_nas.trian  # noqa: B018
