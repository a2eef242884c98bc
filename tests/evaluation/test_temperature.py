import numpy as np
import pytest

from asc_nas.evaluation.temperature import ClipLogits, expected_calibration_error, fit_temperature


def clips(scale, count=4000, channels=1, seed=0):
    """Clips whose true labels follow softmax(logits), with logits blown up by `scale`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 4))
    powers = np.exp(logits)
    cumulated = (powers / powers.sum(1, keepdims=True)).cumsum(1)
    targets = (rng.random((count, 1)) > cumulated).sum(1)
    logits = np.repeat(logits, channels, axis=0)
    return ClipLogits(logits * scale, np.repeat(np.arange(count), channels), targets)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scale_of_the_logits(scale):
    blown_up = clips(scale)
    temperature = fit_temperature(blown_up)
    assert temperature == pytest.approx(scale, rel=0.06)
    assert blown_up.log_loss(temperature) <= blown_up.log_loss(1.0)
    assert blown_up.calibration_error(temperature) < 0.03


def test_the_fit_is_the_best_place_of_the_whole_range():
    some = clips(2.0, count=60)
    fitted = some.log_loss(fit_temperature(some))
    assert fitted <= min(some.log_loss(t) for t in np.geomspace(0.25, 4, 200)) + 1e-6


def test_clips_that_are_all_right_do_not_ask_for_certainty():
    logits = np.eye(3) * 2
    assert fit_temperature(ClipLogits(logits, np.arange(3), np.arange(3))) == pytest.approx(
        0.25, abs=0.02
    )


def test_what_is_fitted_is_the_mean_over_channels():
    logits = np.array([[4.0, 0], [0, 4.0], [0, 3.0]])
    both = ClipLogits(logits, np.array([0, 0, 1]), np.array([0, 1]))
    np.testing.assert_allclose(both.posteriors(1.0)[0], [0.5, 0.5])
    one = 1 / (1 + np.exp(-1.5))
    np.testing.assert_allclose(both.posteriors(2.0)[1], [1 - one, one])


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy():
    posteriors = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    targets = np.array([0] * 7 + [1] * 3 + [1] * 6 + [0] * 4)
    assert expected_calibration_error(posteriors, targets) == pytest.approx(0.1)
    certain = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(certain, np.array([0, 0, 0, 1])) == pytest.approx(0.25)
