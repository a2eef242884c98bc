"""A committee says the mean of its members' posteriors, however sure they are."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from asc_nas.nn.committee import Committee


class Says(nn.Module):
    """Gives the same logits to every clip."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x):
        return self.logits.repeat(len(x), 1)


rows = st.lists(st.floats(-20, 20, width=32), min_size=3, max_size=3)


@given(members=st.lists(rows, min_size=1, max_size=5))
def test_softmax_of_its_output_is_the_mean_posterior(members):
    committee = Committee([Says(logits) for logits in members])
    found = committee(torch.zeros(2, 1, 4, 4)).softmax(1)
    expected = torch.tensor(members).softmax(1).mean(0)
    torch.testing.assert_close(found, expected.repeat(2, 1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("certain", [[1e4, 0.0, -1e4], [0.0, 1e4, 1e4]])
def test_members_that_are_certain_give_no_infinities(certain):
    output = Committee([Says(certain), Says([0.0, 0.0, 0.0])])(torch.zeros(1, 1, 4, 4))
    assert torch.isfinite(output).all()
