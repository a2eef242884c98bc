"""A recording that vanishes or shrinks while a run reads it: noticed, or too late.

With the recording back, the run goes on to the same bytes. Only the check of the recordings, which
is made once, may tell of the broken one.
"""

import random

import pytest
from fault_cases import MANY, copied, differing

pytestmark = pytest.mark.slow

CHECK = "run/data/check.json"
EXTRACTION = 0.6
"""The share of a run in which it reads recordings."""


@pytest.mark.parametrize("do", ["remove", "shrink"])
def test_a_recording_that_changes(server, steps, recordings, faults, tmp_path, do):
    step, rng = steps["run"], random.Random(do)
    files = sorted((recordings / "audio").iterdir())
    for number, moment in enumerate(step.moments(MANY // 3 or 1, do, EXTRACTION)):
        folder, file = copied(step.before, tmp_path / str(number)), rng.choice(files)
        whole = file.read_bytes()
        with faults.trial(f"recording: {do}", moment) as lost:
            try:
                done = server.run(folder, step.arguments, **moment, do=do, given=[str(file)])
            finally:
                file.write_bytes(whole)
            assert "Traceback" not in done.said, done.said
            said = done.said
            if done.code:
                assert file.name in done.one_sentence()
                again = server.run(folder, step.arguments)
                assert again.code == 0, again.said
                lost.append(max(0.0, done.seconds + again.seconds - step.whole.seconds))
                said += again.said
            changed = differing(folder, step.after)
            assert set(changed) <= {CHECK}
            if changed:  # said when the recordings were checked, and in every report
                assert file.name in (folder / CHECK).read_text()
                assert "Check: " in said
