"""The latency kit in C: its sum of layers is what an exported network takes on the chip."""

import subprocess

import numpy as np
import pytest
from random_networks import CLASSES, FRONTEND, SKELETON, make

from asc_nas.core.errors import UsageError
from asc_nas.cost.latency import LatencyTable
from asc_nas.cost.layers import layers_of, layers_of_space
from asc_nas.export.firmware.kit import write_kit
from asc_nas.export.firmware.latency_kit import count_latency, write_c_kit
from asc_nas.export.firmware.toolchain import CHIPS, build, missing_tools
from asc_nas.export.firmware.verify import verify
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton

needs_compiler = pytest.mark.skipif(bool(missing_tools("pc")), reason="no C compiler")
needs_arm = pytest.mark.skipif(
    bool(missing_tools("cortex-m4")), reason="no compiler or emulator for Arm"
)
WIDER = [  # than the stem: its first block has no shortcut
    {"channels": 10, "strides": [[1, 1], [1, 1], [1, 2]]},
    {"channels": 12, "strides": [[2, 1], [1, 1]]},
]
VARIANTS = [
    {"stages": WIDER},
    {"head_channels": 10, "input_range_db": 60.0, "activation_after_sum": False},
]
SEEN = ("t3e2w1 f3e1w1 f3+t3e2w1 f3e2w1 t3e1w1", "f3+t3e1w1 skip t3e1w1 f3+t3e2w1 f3e2w1")
UNSEEN = "f3+t3e2w1 f3+t3e1w1 t3e2w1 f3e1w1 skip"


def of_variant(variant):
    """Return a space of five blocks and what makes its networks."""
    skeleton = Skeleton(**SKELETON | variant)
    space = SearchSpace.build(
        SpaceConfig(kernels=[["t3", "f3"]], max_paths=2, expansions=[1, 2], skip=True), skeleton
    )
    return space, lambda genotype: resolve(genotype, skeleton, FRONTEND.size, len(CLASSES))


def written(folder, variant):
    """Write the kit of that space, with two networks."""
    space, spec_of = of_variant(variant)
    networks = {text: spec_of(Genotype.parse(text)) for text in SEEN}
    write_c_kit(folder, "toy", layers_of_space(space, spec_of), networks)
    return spec_of


@needs_arm
@pytest.mark.parametrize("variant", VARIANTS, ids=["no shortcut", "head"])
def test_the_instructions_of_an_exported_network_are_predicted_from_its_layers(tmp_path, variant):
    spec_of = written(tmp_path / "kit", variant)
    table = count_latency(tmp_path / "kit", "cortex-m4", mhz=1)  # 1,000 instructions a millisecond
    assert table.error < 0.03
    made = make(tmp_path, UNSEEN, variant)
    samples = np.random.default_rng(0).integers(-9999, 9999, (1, FRONTEND.samples), np.int16)
    write_kit(tmp_path / "model", made.card, made.networks, samples, {})
    counted = verify(tmp_path / "model", "cortex-m4").network
    predicted = 1000 * table.predict(spec_of(Genotype.parse(UNSEEN)))
    assert predicted == pytest.approx(counted, rel=0.05)
    halved = count_latency(tmp_path / "kit", "cortex-m4", mhz=2)
    one = next(iter(table.measured.layers))
    assert halved.measured.layers[one] == pytest.approx(table.measured.layers[one] / 2, rel=0.02)


@needs_compiler
def test_every_layer_of_a_space_is_timed_on_a_pc_through_its_makefile(tmp_path):
    kit = tmp_path / "kit"
    spec_of = written(kit, VARIANTS[1])
    subprocess.run(["make", "-C", kit], check=True, capture_output=True)
    done = subprocess.run([kit / "measure"], check=True, capture_output=True, text=True)
    (kit / "latency.json").write_text(done.stdout)
    table = LatencyTable.read(kit / "latency.json")
    table.require(layers_of(spec_of(Genotype.parse(UNSEEN))))
    assert [network.genotype for network in table.measured.networks] == list(SEEN)
    assert table.measured.runtime.startswith("C code of asc-nas")


@needs_compiler
def test_a_clock_of_32_bits_may_start_again(tmp_path):
    kit = tmp_path / "kit"
    written(kit, VARIANTS[0])
    # every reading is a thousand ticks later; the third is behind the end
    (kit / "test" / "cost_pc.c").write_text(
        '#include "cost.h"\nstatic uint32_t now = UINT32_MAX - 2500;\nvoid cost_start(void) {}\n'
        "uint64_t cost_now(void) { return now += 1000; }\n"
    )
    build(kit, CHIPS["pc"], "measure.c", tmp_path, "-DASC_TICKS_PER_MS=1000")
    done = subprocess.run([tmp_path / "program"], check=True, capture_output=True, text=True)
    (tmp_path / "latency.json").write_text(done.stdout)
    times = LatencyTable.read(tmp_path / "latency.json").measured.layers.values()
    assert set(times) == {1.0}  # two runs, two thousand ticks


def test_a_folder_with_other_files_is_not_written_over(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="other files"):
        write_c_kit(tmp_path, "x", [], {})
