"""The C code of a kit against Python: front end, network, memory; and what a kit refuses."""

import subprocess
from math import log2

import numpy as np
import pytest
from random_networks import CLASSES, FRONTEND, GENOTYPES, VARIANTS, make

from asc_nas.audio.logmel import FrontEnd, log_mel
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.export.firmware import kit as kit_module
from asc_nas.export.firmware.front_end_tables import front_end_tables
from asc_nas.export.firmware.kit import Kit, memory, write_kit
from asc_nas.export.firmware.text import array, string
from asc_nas.export.firmware.toolchain import CHIPS, missing_tools
from asc_nas.export.firmware.verify import verify

needs_compiler = pytest.mark.skipif(bool(missing_tools("pc")), reason="no C compiler")


def recordings(frontend: FrontEnd) -> np.ndarray:
    """Return noise at several levels, silence, a loud square wave, an impulse, and sine sweeps."""
    rng = np.random.default_rng(0)
    n = frontend.samples
    time = np.arange(n) / frontend.sample_rate
    impulse = np.zeros(n)
    impulse[n // 3] = 32767
    sweep = np.sin(2 * np.pi * time * (50 + 0.3 * frontend.sample_rate * time / time[-1]))
    clips = [
        rng.standard_normal(n) * 8000,
        rng.standard_normal(n) * 2,
        np.zeros(n),
        np.where(np.arange(n) // 37 % 2, 32767, -32768),
        impulse,
        sweep * 30000,
        sweep * 20 + rng.standard_normal(n),
    ]
    return np.clip(np.rint(clips), -(2**15), 2**15 - 1).astype(np.int16)


def written(folder, made):
    write_kit(folder, made.card, made.networks, recordings(made.card.frontend), {})
    return folder


@needs_compiler
@pytest.mark.parametrize("variant", range(len(VARIANTS)))
@pytest.mark.parametrize("genotype", range(len(GENOTYPES)))
def test_the_code_answers_as_python_bit_for_bit(tmp_path, genotype, variant):
    made = make(tmp_path, GENOTYPES[genotype], VARIANTS[variant])
    found = verify(written(tmp_path / "kit", made), "pc")
    assert found.passed
    assert (found.same_labels, found.clips) == (7, 7)
    assert found.log_mel_db < 0.02


@needs_compiler
def test_a_stem_of_kernel_one_answers_as_python(tmp_path):
    stem = [{"channels": n, "kernel": 1, "stride": s} for n, s in ((6, [2, 2]), (8, [1, 2]))]
    made = make(tmp_path, GENOTYPES[1], {"stem": stem})
    assert made.networks[0].layers["stem.0"].source.zero != 0  # it matters who subtracts it
    assert verify(written(tmp_path / "kit", made), "pc").passed


@needs_compiler
@pytest.mark.parametrize("temperature", [1.3, 1.0, 0.01, 100.0])  # the sharpness is its inverse
def test_a_committee_answers_as_python(tmp_path, temperature):
    made = make(tmp_path, GENOTYPES[1], VARIANTS[1], members=3, temperature=temperature)
    assert verify(written(tmp_path / "kit", made), "pc").passed


@needs_compiler
@pytest.mark.parametrize(
    "changes",
    [
        {"n_fft": 256, "win_length": 256},  # a power of two, the window from the cosine's table
        {"n_fft": 240, "win_length": 199},  # fours, threes, fives, and a shorter, odd window
        {"n_fft": 882, "win_length": 882, "hop_length": 441, "sample_rate": 22050},  # 2 * 9 * 49
        {"n_fft": 34, "win_length": 30, "hop_length": 11},  # 2 * 17
        {"n_fft": 8, "win_length": 8, "hop_length": 50},
        {"n_fft": 10, "win_length": 9},
        {"n_fft": 1024, "win_length": 512, "hop_length": 300, "fmin": 300.0, "fmax": 3000.0},
        {"n_fft": 4096, "win_length": 4096, "hop_length": 700},  # longer than the example
    ],
)
def test_every_front_end_gives_pythons_log_mel(tmp_path, changes):
    frontend = FrontEnd.parse(FRONTEND.model_dump() | changes, "test")
    made = make(tmp_path, GENOTYPES[0], {}, frontend=frontend)
    found = verify(written(tmp_path / "kit", made), "pc")
    assert found.log_mel_db < 0.02
    assert found.same_logits


@pytest.mark.skipif(bool(missing_tools("cortex-m4")), reason="no compiler or emulator for Arm")
def test_the_memory_is_the_cost_models_to_the_byte(tmp_path):
    made = make(tmp_path, GENOTYPES[1], {})
    folder = written(tmp_path / "kit", made)
    found = verify(folder, "cortex-m4")
    assert found.passed
    expected = memory(made.networks, FRONTEND).total
    assert Kit.read(folder / "kit.json").ram_bytes == expected == made.card.ram_bytes
    labels, logits, state = 4 * len(CLASSES), len(CLASSES), 8  # pointers; counters
    assert expected <= found.ram <= expected + labels + logits + state + 16  # alignment


@needs_compiler
def test_the_code_is_clean_under_sanitizers_and_the_example_names_what_it_hears(tmp_path):
    import soundfile

    made = make(tmp_path, GENOTYPES[1], VARIANTS[2])
    folder = written(tmp_path / "kit", made)
    flags = "CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra"
    subprocess.run(["make", "-C", folder, flags], check=True, capture_output=True)
    rate, clip = FRONTEND.sample_rate, recordings(FRONTEND)[0]
    soundfile.write(tmp_path / "two.wav", np.tile(clip, 2), rate, subtype="PCM_16")
    called = subprocess.run(
        [folder / "classify", tmp_path / "two.wav"], check=True, capture_output=True, text=True
    )
    label = made.card.labels[Kit.read(folder / "kit.json").golden_labels[0]]
    lines = called.stdout.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [["0.0 s", label], ["0.4 s", label]]
    soundfile.write(tmp_path / "other.wav", clip, 2 * rate, subtype="PCM_16")
    called = subprocess.run([folder / "classify", tmp_path / "other.wav"], capture_output=True)
    assert called.returncode == 1
    assert b"8000 samples a second" in called.stderr


@needs_compiler
def test_the_self_test_tells_another_network_and_another_front_end(tmp_path):
    folder = written(tmp_path / "kit", make(tmp_path, GENOTYPES[0], {}))
    build = ["make", "-C", folder, "self_test"]
    assert b"the same as asc-nas" in subprocess.run(build, capture_output=True, check=True).stdout
    source = folder / "src" / "asc_front_end.c"
    source.write_text(source.read_text().replace("101008905", "101308905"))
    assert b"DIFFERS" in subprocess.run(build, capture_output=True).stdout


@needs_compiler
def test_windows_that_overlap_hear_the_same_rows(tmp_path):
    """The log-mel of a second window is the stream's, but for the frames at its ends."""
    made = make(tmp_path, GENOTYPES[0], {})
    folder = written(tmp_path / "kit", made)
    step = 4 * FRONTEND.hop_length
    samples = np.random.default_rng(1).integers(-9000, 9000, FRONTEND.samples + step, np.int16)
    (folder / "overlap.c").write_text(
        '#include <stdio.h>\n#include "asc.h"\nint main(void) {\n'
        "    static int16_t samples[ASC_SAMPLES + ASC_STEP];\n    asc_answer answer;\n"
        "    if (fread(samples, 2, ASC_SAMPLES + ASC_STEP, stdin) == 0) return 1;\n"
        "    asc_init();\n    int used = asc_feed(samples, ASC_SAMPLES + ASC_STEP);\n"
        "    if (used != ASC_SAMPLES || !asc_result(&answer) || asc_result(&answer)) return 2;\n"
        "    used += asc_feed(samples + used, ASC_SAMPLES + ASC_STEP - used);\n"
        "    if (used != ASC_SAMPLES + ASC_STEP || !asc_result(&answer)) return 3;\n"
        "    return 0;\n}\n"
    )
    # the features as asc_classify saw them: kept by a copy before the window moves on
    source = folder / "src" / "asc.c"
    text = source.read_text()
    text = text.replace("    asc_classify(answer);\n    advance();", "    asc_classify(answer);\n"
        "    fwrite(features, 2, ASC_FRAMES * ASC_MELS, stdout);\n    advance();")  # fmt: skip
    source.write_text("#include <stdio.h>\n" + text)
    command = ["cc", "-std=c99", f"-DASC_STEP={step}", "-fsanitize=address,undefined", "-Isrc"]
    command += [*map(str, sorted((folder / "src").glob("*.c"))), "overlap.c", "-lm", "-o", "out"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(
        [folder / "out"], input=samples.tobytes(), capture_output=True, check=True
    )
    rows = np.frombuffer(done.stdout, "<i2").reshape(2, FRONTEND.frames, FRONTEND.n_mels) / 128
    wave = samples / np.float32(2**15)
    first = log_mel(wave[: FRONTEND.samples], FRONTEND).T
    assert np.abs(rows[0] - first).max() < 0.05
    stream = log_mel(wave, FRONTEND).T[4:]
    assert np.abs(rows[1] - stream).max() < 0.05


@needs_compiler
def test_another_weight_is_found_out(tmp_path):
    folder = written(tmp_path / "kit", make(tmp_path, GENOTYPES[0], {}))
    source = folder / "src" / "asc_model.c"
    head = "n0_head_bias[4] = {\n    "
    before, found, after = source.read_text().partition(head)
    assert found
    first, _, rest = after.partition(",")
    source.write_text(f"{before}{head}{int(first) + 100000},{rest}")
    assert not verify(folder, "pc").passed


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    made = make(tmp_path, GENOTYPES[0], {})
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is there and is no kit"):
        written(tmp_path / "kit", made)
    assert (tmp_path / "kit" / "thesis.txt").read_text() == "years of work"


def test_a_kit_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    made = make(tmp_path, GENOTYPES[0], {})
    folder = written(tmp_path / "kit", made)
    before = (folder / "src" / "asc_model.c").read_text()
    other = make(tmp_path / "other", GENOTYPES[1], {})
    monkeypatch.setattr(Kit, "write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(folder, other)
    assert (folder / "src" / "asc_model.c").read_text() == before
    assert [path.name for path in tmp_path.glob(".*")] == []
    monkeypatch.undo()
    (folder / "left.txt").write_text("of the kit before")
    written(folder, other)
    assert not (folder / "left.txt").exists()


@pytest.mark.parametrize("n_fft", [2, 2 * 257, 2**17])
def test_a_transform_that_c_cannot_do_is_refused(n_fft):
    frontend = FrontEnd.parse(FRONTEND.model_dump() | {"n_fft": n_fft, "win_length": 2}, "test")
    match = rf"toy: a transform of {n_fft} samples .* set frontend.n_fft"
    with pytest.raises(AscNasError, match=match):
        front_end_tables(frontend, "toy")


def test_a_damaged_kit_and_an_unknown_chip_are_told(tmp_path):
    folder = written(tmp_path / "kit", make(tmp_path, GENOTYPES[0], {}))
    with pytest.raises(UsageError, match=r"unknown chip 'cortex-m5'. Did you mean"):
        missing_tools("cortex-m5")
    with pytest.raises(AscNasError, match=r"kit.json"):
        Kit.read(tmp_path / "kit.json")
    (tmp_path / "kit.json").write_text('{"format": "asc-nas/kit/1", "name": "x"}')
    with pytest.raises(AscNasError, match=r"not as asc-nas writes it .*export the kit again"):
        Kit.read(tmp_path / "kit.json")
    golden = folder / "golden" / "logits.i8"
    golden.write_bytes(golden.read_bytes()[:-1])
    if not missing_tools("pc"):
        with pytest.raises(AscNasError, match=r"logits.i8: missing or damaged; export the kit"):
            verify(folder, "pc")


def test_the_table_of_logarithms_is_that_of_numpy():
    folder = kit_module.resources.files("asc_nas.export.firmware") / "sources" / "src"
    source = (folder / "asc_front_end.c").read_text("utf-8")
    numbers = source.partition("steps[65] = {")[2].partition("}")[0].split(",")
    assert [int(n) for n in numbers] == [round(log2(1 + i / 64) * 2**16) for i in range(65)]


def test_text_of_any_kind_is_a_c_string():
    assert string('a "b"\\ü??/') == r'"a \042b\042\134\303\274\077\077/"'
    assert array("int a[3]", [1, -2, 3]) == "int a[3] = {\n    1, -2, 3};\n"


@pytest.mark.parametrize("chip", [name for name in CHIPS if name != "pc"])
def test_the_smallest_model_in_the_box_runs_on_an_emulated_chip(tmp_path, chip):
    if missing := missing_tools(chip):
        pytest.skip(f"{' and '.join(missing)} missing")
    made = tiny_in_the_box(tmp_path)
    found = verify(made, chip)
    assert found.passed
    assert found.flash < 64_000
    assert found.ram < 64_000
    assert 0 < found.stack < 2_000
    assert verify(made, chip) == found  # instructions are counted, not timed


def tiny_in_the_box(folder):
    """Return the kit of models/esc10-tiny, its ranges found on noise."""
    from asc_nas.export.integer.folded import read_folded
    from asc_nas.export.integer.quantise import integer_networks
    from asc_nas.export.target import ExportedModel
    from asc_nas.runtime.model_files import find_card

    model = ExportedModel.read(find_card("esc10-tiny").with_suffix(".onnx"))
    frontend = model.card.frontend
    clips = recordings(frontend)[[0, 3, 5]]
    mel = log_mel(clips / np.float32(2**15), frontend)
    folded = read_folded(model.file, frontend.size)
    networks = integer_networks(model.file, folded, mel)
    write_kit(folder / "kit", model.card, networks, clips[:2], {})
    return folder / "kit"
