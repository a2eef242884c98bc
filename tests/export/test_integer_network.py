"""The network in integers: read back from ONNX, its arithmetic, and how near it is to the float."""

from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import FRONTEND, GENOTYPES, SKELETON, VARIANTS, make

from asc_nas.core.errors import AscNasError
from asc_nas.export.integer.arithmetic import Factor, Scale, average, rescale
from asc_nas.export.integer.folded import read_folded
from asc_nas.export.integer.network import IntegerInput, feature_integers, probabilities
from asc_nas.export.quantize import quantize_onnx
from asc_nas.runtime.classifier import INPUT, softmax

int32 = st.integers(-(2**31) + 1, 2**31 - 1)


def by_the_book(value, multiplier, shift):
    """Return what gemmlowp's two roundings give, with Python's own integers."""
    product = value * multiplier
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = abs(product + nudge) // 2**31 * (1 if product + nudge >= 0 else -1)
    quotient, rest = divmod(high, 2**shift)
    threshold = (2**shift - 1) // 2 + (1 if high < 0 else 0)
    return quotient + (1 if rest > threshold else 0)


@given(int32, st.floats(0, 0.999999999))
def test_a_rescaled_sum_is_the_product_rounded_and_gemmlowps(value, real):
    factor = Factor.of(real)
    found = int(rescale(np.array([value]), factor)[0])
    multiplier, shift = int(factor.multiplier[0]), int(factor.shift[0])
    assert found == by_the_book(value, multiplier, shift)
    exact = Fraction(value) * Fraction(multiplier, 2 ** (31 + shift))
    assert abs(found - exact) <= 1
    assert float(Fraction(multiplier, 2 ** (31 + shift))) == pytest.approx(real, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("real", [-0.1, 1.0, 2.0])
def test_factors_of_one_and_more_are_refused(real):
    with pytest.raises(ValueError, match="below 1"):
        Factor.of(real)


@given(st.integers(-20000, 20000), st.integers(1, 200))
def test_averages_are_rounded_to_the_nearest_halves_away_from_zero(total, count):
    exact = Fraction(abs(total), count) + Fraction(1, 2)
    expected = int(exact) * (1 if total > 0 else -1)
    if count % 2 == 0 or total == 0:
        assert average(np.array([total]), count)[0] == expected
    assert abs(int(average(np.array([total]), count)[0]) * count - total) * 2 <= count


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(-100, 100))
def test_a_scale_covers_its_range_and_represents_zero(low, high, value):
    low, high = min(low, high), max(low, high)
    scale = Scale.of_range(low, high)
    assert scale.values(scale.integers(np.array([0.0])))[0] == 0
    inside = np.clip(value, min(low, 0), max(high, 0))
    found = scale.values(scale.integers(np.array([inside])))[0]
    assert abs(found - inside) <= 1.01 * scale.scale  # a half of rounding, a half of the zero


@pytest.mark.parametrize("genotype", GENOTYPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_layers_read_back_are_those_of_the_network(tmp_path, genotype, variant):
    made = make(tmp_path, genotype, variant)
    (found,) = made.folded
    spec = found.spec
    blocks = [block for block in made.spec.blocks if block is not None]
    assert (spec.stem, spec.blocks) == (made.spec.stem, tuple(blocks))
    assert (spec.head, spec.classifier) == (made.spec.head, made.spec.classifier)
    assert (spec.input_size, spec.input_range_db) == (FRONTEND.size, made.spec.input_range_db)


@pytest.mark.parametrize("genotype", GENOTYPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_integers_are_near_the_float_network(tmp_path, genotype, variant):
    made = make(tmp_path, genotype, variant)
    (network,) = made.networks
    session = onnxruntime.InferenceSession(made.file.read_bytes())
    exact = session.run(None, {INPUT: made.clips[:, None]})[0]
    logits = network.logits(feature_integers(made.clips))
    assert logits.min() >= -128
    assert logits.max() <= 127
    found = network.last.target.values(logits)
    spread = exact.max() - exact.min()
    assert np.abs(found - exact).mean() < 0.04 * spread
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99


def test_a_stem_of_kernel_one_is_read_as_a_stem(tmp_path):
    stem = {"stem": [{"channels": 6, "kernel": 1, "stride": [2, 2]}]}
    stem["stem"].append({"channels": 8, "kernel": 1, "stride": [1, 2]})
    made = make(tmp_path, GENOTYPES[1], stem)
    assert made.folded[0].spec.stem == made.spec.stem


def test_a_committee_answers_with_the_mean_of_its_probabilities(tmp_path):
    made = make(tmp_path, GENOTYPES[1], {}, members=3)
    assert len(made.networks) == 3
    session = onnxruntime.InferenceSession(made.file.read_bytes())
    exact = session.run(None, {INPUT: made.clips[:, None]})[0]
    features = feature_integers(made.clips)
    scales = [network.last.target for network in made.networks]
    logits = [network.logits(features) for network in made.networks]
    assert np.abs(probabilities(logits, scales, 1.0) - softmax(exact)).max() < 0.06
    sharper = probabilities(logits, scales, 0.5)
    assert np.allclose(sharper.sum(1), 1)
    assert (sharper.max(1) >= probabilities(logits, scales, 1.0).max(1)).all()


def test_the_input_counts_from_the_loudest_value_where_there_is_a_range(tmp_path):
    with_range, without = (
        make(tmp_path / name, GENOTYPES[0], variant).networks[0].input
        for name, variant in (("a", {"input_range_db": 60.0}), ("b", {}))
    )
    features = feature_integers(np.random.default_rng(0).normal(-40, 20, (2, *FRONTEND.size)))
    assert (with_range(features) == with_range(features + 1000)).all()
    assert (without(features) != without(features + 1000)).any()


@given(st.floats(-100, 50), st.floats(-90, 20), st.floats(1e-3, 40))
def test_the_input_is_the_standardised_level(level, mean, deviation):
    class WithoutRange:
        input_range_db = None

    scale = Scale.of_range(-4, 4)
    heard = IntegerInput.of(np.array([mean]), np.array([1 / deviation]), WithoutRange, scale)
    found = int(heard(feature_integers(np.array([[[level]]])))[0, 0, 0, 0])
    exact = (round(level * 128) / 128 - mean) / deviation / scale.scale + scale.zero
    assert abs(found - np.clip(exact, -128, 127)) <= 0.51 + 1e-3 / deviation


def test_other_files_are_refused_with_what_to_do(tmp_path):
    made = make(tmp_path, GENOTYPES[0], {})
    quantize_onnx(made.file, made.clips, tmp_path / "int8.onnx")
    with pytest.raises(AscNasError, match=r"int8.onnx: has another structure .* give the float"):
        read_folded(tmp_path / "int8.onnx", FRONTEND.size)


def test_a_map_with_nothing_in_it_does_not_break_the_scales(tmp_path):
    made = make(tmp_path, GENOTYPES[0], {})
    assert SKELETON["stem"]  # the network has layers before the one that is silenced
    file = tmp_path / "toy.onnx"
    import onnx
    from onnx import numpy_helper

    model = onnx.load(file)
    name = next(i.name for i in model.graph.initializer if "stem.1" in i.name)
    for constant in model.graph.initializer:
        if constant.name == name:
            values = numpy_helper.to_array(constant) * 0
            constant.CopyFrom(numpy_helper.from_array(values, name))
    onnx.save(model, file)
    from asc_nas.export.integer.quantise import integer_networks

    (network,) = integer_networks(file, read_folded(file, FRONTEND.size), made.clips)
    assert network.logits(feature_integers(made.clips)).shape == (12, 3)
