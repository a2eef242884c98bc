"""Peak memory: where the plan puts each map, against a walk through the network's steps."""

from itertools import combinations
from math import prod
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TINY
from toy import HEARD

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cost.counts import count
from asc_nas.cost.memory import PLANES, in_place, memory_of, plan
from asc_nas.run.beginning import cost_of
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.paths import RunPaths
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SPACE = SpaceConfig(
    kernels=(("t3", "f5", "s3"),), max_paths=2, expansions=(1.0, 2.5), widths=(0.5, 1.0), skip=True
)


def values_of(conv):
    return conv.out_channels * prod(conv.out_size)


def steps_of(spec):
    """Return (maps that it reads, values of each map that it writes) of every step."""
    steps, current = [], "input"
    for i, conv in enumerate(spec.stem):
        steps.append(([current], {f"stem.{i}": values_of(conv)}))
        current = f"stem.{i}"
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        hidden, out = f"blocks.{i}.depthwise", f"blocks.{i}"
        made = {hidden: values_of(block.depthwise[0])}
        if block.expand is not None:
            made[f"blocks.{i}.planes"] = PLANES * prod(block.expand.out_size)
        steps.append(([current], made))
        reads = [hidden, current] if block.shortcut else [hidden]
        steps.append((reads, {out: values_of(block.project)}))
        current = out
    if spec.classifier is None:
        steps.append(([current], {"pooled": spec.head.in_channels}))
        steps.append((["pooled"], {"logits": spec.head.out_channels}))
    else:
        steps.append(([current], {"pooled": spec.head.out_channels}))
        steps.append((["pooled"], {"logits": spec.classifier.out_features}))
    return steps


def alive_at(spec):
    """Return the maps that are alive at each step, with their values."""
    steps = steps_of(spec)
    values, first, last = {"input": prod(spec.input_size)}, {"input": 0}, {"input": 0}
    for number, (reads, made) in enumerate(steps):
        values |= made
        first |= dict.fromkeys(made, number)
        last |= dict.fromkeys([*reads, *made], number)
    return [
        {name: values[name] for name in values if first[name] <= number <= last[name]}
        for number in range(len(steps))
    ]


def written_over(spec):
    """Return the pairs of a block's input and output that are one place."""
    names = ["input", *(f"stem.{i}" for i in range(len(spec.stem)))]
    pairs = set()
    for i, block in enumerate(spec.blocks):
        if block is not None:
            if in_place(block):
                pairs.add(frozenset((names[-1], f"blocks.{i}")))
            names.append(f"blocks.{i}")
    return pairs


def networks(test):
    """Give the test networks of every kind."""

    @pytest.mark.parametrize("name", ["cp_mobile", "mobilenetv2_half"])
    @settings(max_examples=25)
    @given(seed=st.integers(0, 2**32), size=st.tuples(st.integers(16, 64), st.integers(16, 99)))
    def with_networks(name, seed, size):
        skeleton = skeleton_from(name)
        genotype = SearchSpace.build(SPACE, skeleton).sample(np.random.default_rng(seed))
        test(resolve(genotype, skeleton, size, 9))

    return with_networks


@networks
def test_no_two_maps_that_are_alive_together_overlap(spec):
    offsets, same = plan(spec).offsets, written_over(spec)
    for alive in alive_at(spec):
        for one, other in combinations(alive, 2):
            if frozenset((one, other)) not in same:
                before, after = sorted((one, other), key=lambda name: offsets[name])
                assert offsets[before] + alive[before] <= offsets[after], (one, other)


@networks
def test_the_plan_holds_all_that_is_alive_at_once_and_ends_with_its_last_map(spec):
    found, same = plan(spec), written_over(spec)
    ends = set()
    for alive in alive_at(spec):
        twice = sum(alive[min(pair)] for pair in same if pair <= alive.keys())
        assert sum(alive.values()) - twice <= found.values
        ends |= {found.offsets[name] + size for name, size in alive.items()}
    assert max(ends) == found.values


@networks
def test_a_block_of_equal_shapes_is_written_over_its_input(spec):
    offsets = plan(spec).offsets
    for one, other in written_over(spec):
        assert offsets[one] == offsets[other]


def tiny_network(text):
    skeleton = skeleton_from(
        {
            "stem": [{"channels": 4, "kernel": 3, "stride": [2, 2]}],
            "stages": [{"channels": 4, "strides": [[1, 1], [2, 2]]}],
        }
    )
    return resolve(Genotype.parse(text), skeleton, (8, 16), 3)


def test_hand_count_of_one_small_network():
    found = plan(tiny_network("f3+t5e2w1 t3e1w1"))
    stem, planes, hidden = 4 * (4 * 8), 4 * (4 * 8), 8 * (4 * 8)
    # Most is alive in the first block: its input, four expanded planes, and the 8 channels that the
    # depthwise kernels make of them. The projection is written over the input.
    assert found.values == stem + planes + hidden
    assert found.offsets["blocks.0"] == found.offsets["stem.0"] != found.offsets["blocks.1"]
    assert "blocks.1.planes" not in found.offsets  # expansion 1


def test_kernels_that_are_summed_need_no_map_each():
    one, two = (plan(tiny_network(f"{kernels}e2w1 t3e1w1")) for kernels in ("f3", "f3+t5"))
    assert one.values == two.values


def test_the_front_end_counts_with_its_buffers_and_shares_memory_with_the_network():
    spec = tiny_network("f3+t5e2w1 t3e1w1")
    lengths = {"win_length": 100, "hop_length": 80, "n_fft": 128}
    frontend = FrontEnd(sample_rate=8000, n_mels=8, seconds=0.15, **lengths)
    assert spec.input_size == frontend.size
    audio, log_mel, transform = 2 * 128, 2 * 8 * 16, 8 * 65  # of 16 bits; 65 bins of 8 bytes
    assert memory_of(spec, frontend).total == audio + log_mel + max(512, transform)
    assert memory_of(spec, frontend, value_bytes=4).total == audio + log_mel + 4 * 512
    assert count(spec, frontend).ram_bytes == audio + log_mel + transform


def test_a_run_counts_the_buffers_of_the_front_end_that_the_network_hears():
    config = RunConfig.parse(
        TINY | {"space": TINY["space"] | {"frontends": [{}, {"n_mels": 40}]}}, "tiny"
    )
    run = RunFolder(config, RunPaths("none"))
    run.__dict__["manifest"] = SimpleNamespace(labels=("a", "b", "c"))
    texts = [f"input:16000-640-640-{mels} f3e1.5w1 t3e3w1" for mels in (20, 40)]
    for genotype in map(Genotype.parse, texts):
        expected = memory_of(run.spec(genotype), run.frontend(genotype)).total
        assert run.cost(genotype).ram_bytes == expected
        assert cost_of(config, 3)(genotype).ram_bytes == expected
    few, many = (memory_of(run.spec(g), run.frontend(g)) for g in map(Genotype.parse, texts))
    assert many.features == 2 * few.features == 2 * 2 * 40 * 13


def test_a_network_of_the_packaged_size_is_planned_close_to_what_is_alive():
    skeleton = skeleton_from("cp_mobile")
    spec = resolve(Genotype.parse(" ".join(["t5e2w1", "f5e2w1"] * 3)), skeleton, HEARD.size, 9)
    same = written_over(spec)
    most = max(
        sum(alive.values()) - sum(alive[min(pair)] for pair in same if pair <= alive.keys())
        for alive in alive_at(spec)
    )
    assert most <= plan(spec).values <= 1.1 * most
