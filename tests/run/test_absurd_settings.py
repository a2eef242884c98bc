"""Settings that are numbers, but not ones that anybody means: refused before anything is held."""

from collections.abc import Iterator
from typing import Any

import pytest
from tiny import TINY

from asc_nas.core.config import apply_overrides
from asc_nas.core.errors import UsageError
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.run.beginning import require_searchable
from asc_nas.run.config import RunConfig
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve


def config(*settings: str) -> RunConfig:
    return RunConfig.parse(apply_overrides(TINY, settings), "c.yaml")


def numbers(values: Any, key: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{key}{name}.")
        elif isinstance(value, float):
            yield key + name


@pytest.mark.parametrize(
    "setting",
    [
        "retrain.epochs=1000000000000",
        "rank.warmup_epochs=1000000000000",
        "supernet.batch_size=1000000000",
        "supernet.passes=1000000000",
        "supernet.augment.shuffle_segments=1000000000",
        "search.population=1000000000",
        "search.generations=1000000000",
        "search.workers=1000000000",
        "retrain.members=1000000000",
        "retrain.workers=1000000000",
        "retrain.teacher={members: 1000000000}",
        "rank.networks=1000000000",
        "rank.repeats=1000000000",
        "data.workers=1000000000",
        "frontend.n_mels=1000000",
        "frontend.seconds=1e9",
        "frontend.sample_rate=1000000000",
        "space.expansions=[1.5, .inf]",
        "baselines.baseline.expansion=[.inf]",
    ],
)
def test_a_number_beyond_any_use_is_refused_with_its_key(setting):
    with pytest.raises(UsageError) as refused:
        config(setting)
    assert setting.partition("=")[0].rpartition(".")[2] in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", list(numbers(config().model_dump(mode="json"))))
def test_no_setting_is_infinite_or_no_number(key):
    for value in (".inf", ".nan"):
        with pytest.raises(UsageError, match=key.rpartition(".")[2]):
            config(f"{key}={value}")


@pytest.mark.parametrize(
    "setting",
    [
        "space.expansions=[1.5, 1e9]",
        "space.expansions=[1e300]",
        "space.channels=[[8, 1000000000]]",
        "space.heads=[0, 1000000000]",
        "skeleton.head_channels=1000000000",
        "skeleton.channel_multiple=1000000000",
        "skeleton.stem=[{channels: 1000000000}]",
        "skeleton.stages=[{channels: 1000000000, strides: [[1, 1]]}]",
        "skeleton.stem=[{channels: 4, kernel: 1000001}]",
        "baselines.baseline.expansion=[1e9]",
    ],
)
def test_a_network_that_no_machine_holds_is_refused_before_it_is_built(setting, tmp_path):
    clips = [Clip(f"{n}.wav", "ab"[n % 2], role="train") for n in range(8)]
    manifest = Manifest("made up", tmp_path, ("a", "b"), tuple(clips))
    with pytest.raises(UsageError, match="more than 268,435,456 weights"):
        require_searchable(config(setting), manifest)


def test_what_cannot_be_exported_to_the_target_is_refused_before_anything_is_trained(tmp_path):
    clips = [Clip(f"{n}.wav", "ab"[n % 2], role="train") for n in range(8)]
    manifest = Manifest("made up", tmp_path, ("a", "b"), tuple(clips))
    require_searchable(config("search.limits.target=c"), manifest)
    with pytest.raises(UsageError, match="a transform of 1006 samples cannot be exported as C"):
        require_searchable(config("search.limits.target=c", "frontend.n_fft=1006"), manifest)
    with pytest.raises(UsageError, match="target"):
        config("search.limits.target=rust")


def test_a_genotype_that_no_machine_holds_is_refused():
    tiny = config()
    genotype = Genotype.parse("stage1:60000 t3e1.5w1 t3e3w1")
    with pytest.raises(UsageError, match="more than 268,435,456 weights"):
        resolve(genotype, tiny.skeleton, (20, 26), 3)
