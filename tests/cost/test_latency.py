"""Latency predicted from a table of layers."""

import json

import pytest
from toy import specs_on

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.cost.latency import FORMAT, LatencyTable
from asc_nas.cost.layers import layers_of, layers_of_space
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from(
    {"stem": [{"channels": 8}], "stages": [{"channels": 8, "strides": [[1, 1], [1, 2]]}]}
)
SPACE = SearchSpace.build(SpaceConfig(), SKELETON)
OVERHEAD = 0.5


def spec_of(text):
    return resolve(Genotype.parse(text), SKELETON, (16, 20), 3)


def true_time(key):
    return 0.01 * len(key)


def made_up_table(tmp_path, scale=0.7, **changes):
    """A table of a device where a network takes one overhead and `scale` of its layers' times."""
    networks = []
    for text in ("t3e2w1 f3e2w1", "t7e3w1 f7e3w1", "t5e2w1 f7e3w1"):
        keys = [layer.key for layer in layers_of(spec_of(text))]
        ms = OVERHEAD + scale * sum(map(true_time, keys))
        networks.append({"genotype": text, "layers": keys, "ms": ms})
    layers = layers_of_space(SPACE, specs_on(SKELETON, (16, 20), 3))
    table = {
        "format": FORMAT,
        "device": {"name": "d", "machine": "m", "system": "s", "cores": 4},
        "runtime": "onnxruntime 1.0",
        "threads": 1,
        "overhead_ms": OVERHEAD,
        "layers": {layer.key: OVERHEAD + true_time(layer.key) for layer in layers},
        "networks": networks,
    }
    path = tmp_path / "latency.json"
    path.write_text(json.dumps(table | changes))
    return path


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.3])
def test_a_network_costs_one_overhead_and_the_scaled_sum_of_its_layers(tmp_path, scale):
    table = LatencyTable.read(made_up_table(tmp_path, scale))
    spec = spec_of("t3e3w1 f5e2w1")
    layers = sum(true_time(layer.key) for layer in layers_of(spec))
    assert table.scale == pytest.approx(scale)
    assert table.predict(spec) == pytest.approx(OVERHEAD + scale * layers)


def test_the_scale_weighs_networks_by_relative_error(tmp_path):
    path = made_up_table(tmp_path)
    values = json.loads(path.read_text())
    # One network is ten times as long as the rest say; least squares of absolute errors would
    # follow it to about twice the scale.
    values["networks"][0]["ms"] *= 10
    path.write_text(json.dumps(values))
    assert 0.4 < LatencyTable.read(path).scale < 1.0


def test_a_layer_that_was_not_measured_is_named_with_what_to_do(tmp_path):
    table = LatencyTable.read(made_up_table(tmp_path))
    unknown = spec_of("s5e2w1 f3e2w1")
    assert not table.covers(unknown)
    assert table.covers(spec_of("t5e2w1 f3e2w1"))
    for ask in (table.predict, lambda spec: table.require(layers_of(spec))):
        with pytest.raises(UsageError, match=r"'depthwise 5x5.*asc-nas latency kit"):
            ask(unknown)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "asc-nas/latency/0"}, "expected the format"),
        ({"overhead_ms": -1}, "overhead_ms"),
        ({"layers": {"a": "fast"}}, r"layers\.a"),
        ({"layers": {}}, "layers"),
        ({"networks": []}, "networks"),
        ({"speed": 1}, "unknown key 'speed'"),
    ],
)
def test_what_is_not_a_table_is_refused(tmp_path, change, message):
    with pytest.raises(AscNasError, match=message):
        LatencyTable.read(made_up_table(tmp_path, **change))
