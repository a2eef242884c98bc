"""Commands that are killed or interrupted at random moments, then run again: the same bytes."""

import pytest
from fault_cases import MANY, STEPS, copied, differing, go_on

pytestmark = pytest.mark.slow

COUNTS = dict.fromkeys(STEPS, MANY) if MANY else {"run": 3, "export": 1, "crossval": 3}


@pytest.mark.parametrize("name", COUNTS)
def test_a_killed_command_ends_with_the_same_bytes(server, steps, faults, tmp_path, name):
    step = steps[name]
    for number, moment in enumerate(step.moments(COUNTS[name], "kill")):
        folder = copied(step.before, tmp_path / str(number))
        with faults.trial(f"kill -9, {name}", moment) as lost:
            done = server.run(folder, step.arguments, **moment, do="kill")
            if done.code < 0:
                lost.append(go_on(server, step, folder, done))
            else:  # it was quicker than the first one
                assert done.code == 0, done.said
                assert differing(folder, step.after) == []


@pytest.mark.parametrize("how", ["interrupt", "interrupt twice"])
@pytest.mark.parametrize("name", STEPS if MANY else ["run", "crossval"])
def test_ctrl_c_ends_in_a_line_and_the_command_goes_on(server, steps, faults, tmp_path, name, how):
    step = steps[name]
    for number, moment in enumerate(step.moments(MANY // 5 or 1, how)):
        folder = copied(step.before, tmp_path / str(number))
        with faults.trial(f"{how.replace('interrupt', 'Ctrl-C')}, {name}", moment) as lost:
            done = server.run(folder, step.arguments, **moment, do=how)
            if done.code == 0:  # it came at the very end
                assert differing(folder, step.after) == []
                continue
            assert done.code == 130, done
            assert "Traceback" not in done.said, done.said
            if how == "interrupt" and name != "report":  # which begins anew
                assert "stopped; go on with: " in done.said, done.said
            lost.append(go_on(server, step, folder, done))
