"""Limits that have a name."""

import pytest

from asc_nas.cli.options import with_limits
from asc_nas.core.config import apply_overrides
from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.search.config import SearchConfig
from asc_nas.search.limits import Limits


def test_a_name_stands_for_the_challenges_limits():
    named = SearchConfig.parse({"limits": "dcase-task1"}, "test").limits
    assert named == Limits(
        max_macs_per_second=30e6, max_param_bytes=128_000, bytes_per_param=1, count_as="nessi"
    )
    assert Limits.parse(named.model_dump(), "a run's own config") == named


def test_int8_leaves_room_for_twice_the_parameters_of_float16():
    def room(name):
        limits = Limits.parse(name, "test")
        return max(n for n in (64_000, 128_000, 128_001) if limits.met_by(Cost(1, n, 1.0, 1)))

    assert (room("dcase-task1"), room("dcase-task1-fp16")) == (128_000, 64_000)


def test_the_challenges_count_decides_at_the_limit():
    close = Cost(macs=29_999_000, params=50_000, seconds=1.0, ram_bytes=1, affine=2_000)
    assert not Limits.parse("dcase-task1", "test").met_by(close)
    assert Limits(max_macs_per_second=30e6, max_macs=30_000_000).met_by(close)
    longer = Cost(macs=299_990_000, params=50_000, seconds=10.0, ram_bytes=1, affine=2_000)
    assert Limits.parse("dcase-task1", "test").met_by(longer)


@pytest.mark.parametrize(
    ("limits", "targets"),
    [
        ("dcase-task1", ["int8"]),
        ("dcase-task1-fp16", []),
        ("stm32l476rg", ["c"]),
        ({"bytes_per_param": 1}, []),  # nothing is limited by it
        ({"max_param_bytes": 9, "bytes_per_param": 1, "target": "tflite"}, ["tflite"]),
    ],
    ids=str,
)
def test_limits_say_as_what_the_network_is_exported(limits, targets):
    assert Limits.parse(limits, "test").targets == targets


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UsageError, match=r"limits.*Did you mean 'dcase-task1'.*Known: dcase-task1"):
        SearchConfig.parse({"limits": "dcase-task-1"}, "test")


def test_the_option_comes_before_the_settings_and_replaces_the_configs_limits():
    settings = with_limits(["search.population=8"], "dcase-task1")
    values = apply_overrides({"search": {"limits": {"max_macs": 5}}}, settings)
    assert values == {"search": {"limits": "dcase-task1", "population": 8}}
    assert with_limits(None, None) == []
