"""``asc-nas teach``, and a student that takes its file."""

import pytest
from tiny import asc_nas_here as asc_nas
from tiny import write_config

from asc_nas.data.logits import ClipScores
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


def test_a_student_is_taught_by_two_networks(tmp_path):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    data = {"folder": str(tmp_path / "recordings"), "workers": 1}
    config = write_config(tmp_path / "tiny.yaml", data=data)
    assert asc_nas("train", config, "baseline", "square", cwd=tmp_path).returncode == 0
    done = asc_nas("teach", "runs/tiny", "baseline", "square", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    file = "runs/tiny/teachers/baseline+square.npz"
    assert done.stdout.startswith(f"{file} (")
    assert len(ClipScores.read(tmp_path / file).keys)
    taught = f"--set=retrain.teacher={{logits: [{file}], temperature: 2}}"
    student = ("train", config, "baseline", "--out", "student", taught)
    done = asc_nas(*student, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = asc_nas("teach", "runs/tiny", "bseline", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'baseline'" in done.stderr
