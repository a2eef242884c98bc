"""What a step asks of a GPU, counted, against counts by hand."""

import pytest
import torch
from gpu_forecast import Card, Counted
from torch.nn import functional as F

X, GROUPS, KERNEL = (2, 6, 5, 8), 6, (1, 3)
INPUT, WEIGHT = 4 * 2 * 6 * 5 * 8, 4 * 6 * 3
"""Bytes; the output of the convolution is as large as its input."""
FORWARD = 2 * (2 * 6 * 5 * 8) * 3
"""Operations: a product and a sum for every output and every weight of its kernel."""


@pytest.fixture
def step():
    x, weight = torch.randn(X), torch.randn(GROUPS, 1, *KERNEL, requires_grad=True)

    def convolve(backwards):
        with Counted() as found:
            y = F.conv2d(x.requires_grad_(), weight, padding=(0, 1), groups=GROUPS)
            if backwards:
                y.backward(torch.ones_like(y))
        return found

    return convolve


def test_a_depthwise_convolution_by_hand(step):
    forward = step(False)
    assert forward.operators == 1
    assert dict(forward.work) == {(2 * INPUT + WEIGHT, FORWARD): 1}


def test_the_gradients_of_a_convolution_are_two_operators(step):
    assert step(True).work[3 * INPUT + 2 * WEIGHT, 2 * FORWARD] == 1


def test_views_are_no_work():
    with Counted() as found:
        torch.ones(3, 4).permute(1, 0).reshape(2, 6).unsqueeze(0)
    assert found.operators == 2  # the ones, and the copy that makes another order


def test_the_slowest_of_handing_over_moving_and_computing_counts(step):
    forward = step(False)
    moved, done = 2 * INPUT + WEIGHT, FORWARD
    fast = 1e30
    assert forward.seconds(Card(fast, fast), 0.25, 10) == 0.25
    assert forward.seconds(Card(2.0, fast), 0.25, 10) == pytest.approx(10 * moved)
    assert forward.seconds(Card(fast, 2.0), 0.25, 10) == pytest.approx(10 * done)
