"""What is wrong with a set of recordings, before anything is trained on it."""

from data_prep.checks.exclusion import read_keys, without, write_keys
from data_prep.checks.findings import CHECKS, Finding, Report
from data_prep.checks.run import check

__all__ = ["CHECKS", "Finding", "Report", "check", "read_keys", "without", "write_keys"]
