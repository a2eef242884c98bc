import numpy as np
import pytest

from asc_nas.core.errors import UsageError
from asc_nas.runtime.timeline import MovingAverage, Step, TimelineConfig, WindowAverage


def posterior(value):
    return np.array([value, 1 - value])


def averaged(windows, hop, step):
    """Return (start, end, first probability) of all steps, and how many came before the end."""
    average = WindowAverage(hop, step, sample_rate=10)
    steps = [s for start, end, p in windows for s in average.push(start, end, posterior(p))]
    early = len(steps)
    steps += average.finish()
    return [(s.start, s.end, pytest.approx(s.posterior[0])) for s in steps], early


def test_windows_without_overlap_are_the_steps():
    steps, early = averaged([(0, 10, 0.1), (10, 20, 0.3), (20, 25, 0.7)], hop=10, step=10)
    assert steps == [(0, 1, 0.1), (1, 2, 0.3), (2, 2.5, 0.7)]
    assert early == 2


def test_a_step_is_the_mean_of_the_windows_over_it_weighted_by_shared_time():
    windows = [(0, 10, 0.0), (5, 15, 0.6), (10, 20, 0.9)]
    steps, early = averaged(windows, hop=5, step=5)
    assert steps == [(0, 0.5, 0.0), (0.5, 1, 0.3), (1, 1.5, 0.75), (1.5, 2, 0.9)]
    assert early == 3
    steps, _ = averaged(windows, hop=5, step=8)
    expected = [(0 * 8 + 0.6 * 3) / 11, (0.6 * 7 + 0.9 * 6) / (2 + 7 + 6), 0.9]
    assert steps == [(0, 0.8, expected[0]), (0.8, 1.6, expected[1]), (1.6, 2, expected[2])]


def test_a_step_shorter_than_the_hop_repeats_its_window():
    steps, early = averaged([(0, 10, 0.2), (10, 20, 0.4)], hop=10, step=5)
    assert steps == [(0, 0.5, 0.2), (0.5, 1, 0.2), (1, 1.5, 0.4), (1.5, 2, 0.4)]
    assert early == 4


@pytest.mark.parametrize("half", [0, 1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_smoothing_is_a_centred_mean_with_fewer_steps_at_the_ends(half, count):
    values = np.random.default_rng(0).random(count)
    smooth = MovingAverage(half)
    steps = [s for i, v in enumerate(values) for s in smooth.push(Step(i, i + 1, posterior(v)))]
    assert len(steps) == max(0, count - half)  # as early as can be
    steps += smooth.finish()
    expected = [values[max(0, i - half) : i + half + 1].mean() for i in range(count)]
    assert [s.posterior[0] for s in steps] == pytest.approx(expected)
    assert [(s.start, s.end) for s in steps] == [(i, i + 1) for i in range(count)]


@pytest.mark.parametrize(
    "wrong", [{"hop": 0}, {"window": -1}, {"smooth": -1}, {"merge": -1}, {"min_confidence": 1.1}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError, match=f"'{next(iter(wrong))}'"):
        TimelineConfig.parse(wrong, "classify")
