"""The temperature that is fitted, on which clips, and what is said of it."""

import pytest
import torch
from torch import nn
from toy import make_examples

from asc_nas.run.calibration import calibrate


class Net(nn.Module):
    """Says which third of the bands is loudest; `scale` is how sure it is."""

    def __init__(self, scale, shift=0.0):
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, log_mel):
        thirds = log_mel[:, 0, :15].mean(2).reshape(len(log_mel), 3, 5).mean(2)
        # The shift lets a part of the clips go wrong, so that there is a best temperature.
        return (thirds + torch.tensor([0.0, self.shift, 0.0])) * self.scale


@pytest.fixture
def clips():
    """Give search-val and test of two channels per clip, as a run would."""
    return make_examples(60, 2, seed=1), make_examples(60, 2, seed=2)


def test_a_network_that_is_too_sure_gets_a_temperature_that_helps_on_test(clips):
    network = Net(2.0, shift=15)
    fitted, found = calibrate(network, network, *clips)
    assert fitted.temperature > 1.5
    assert 1 / 3 < fitted.reject_below < 1
    assert (found["fitted_on"], found["clips"]) == ("search_val", 60)
    assert found["log_loss_after"] < found["log_loss_before"]
    assert found["ece_before"] >= found["ece_after"] >= 0


def test_without_a_network_that_has_not_seen_search_val_nothing_is_fitted(clips):
    fitted, found = calibrate(Net(2.0, shift=15), None, *clips)
    assert (fitted.temperature, fitted.reject_below) == (1, 0)
    assert (found["fitted_on"], found["clips"]) == (None, 0)
    assert found["ece_after"] == found["ece_before"]
    assert found["log_loss_after"] == found["log_loss_before"]


def test_the_temperature_is_the_twins_and_the_figures_are_the_networks(clips):
    network, twin = Net(1.0, shift=15), Net(2.0, shift=15)
    fitted, found = calibrate(network, twin, *clips)
    assert fitted == calibrate(twin, twin, *clips)[0]
    assert found["fitted_on"] == "search_val, twin"
    assert found["log_loss_before"] == calibrate(network, None, *clips)[1]["log_loss_before"]
