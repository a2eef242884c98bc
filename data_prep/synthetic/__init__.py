"""The built-in synthetic set, shaped like DCASE 2018 Task 5: computed, not recorded."""

from data_prep.synthetic.generate import generate
from data_prep.synthetic.plan import Plan

__all__ = ["Plan", "generate"]
