"""The page of a model: what stands in it, and its scripts, run by Node.js, beside Python."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import onnxruntime
import pytest
import soxr
from random_networks import FRONTEND, GENOTYPES, VARIANTS, make
from toy_classifier import write_toy_model

import asc_nas
from asc_nas.audio.logmel import PRESETS, FrontEnd, log_mel, windows
from asc_nas.cli.main import main
from asc_nas.core.errors import AscNasError
from asc_nas.export.page.page import page_html
from asc_nas.runtime.classifier import Classifier

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js (node) is not installed")
KINDS = [(genotype, variant, 1) for genotype in GENOTYPES for variant in VARIANTS]
KINDS += [(GENOTYPES[2], VARIANTS[3], 3), (GENOTYPES[0], VARIANTS[0], 2)]
HOSTILE = "</script><script>document.title='attacked'</script>"
FRONT_ENDS = {
    "primes": dict(sample_rate=11025, n_mels=17, win_length=331, hop_length=97, n_fft=2 * 7 * 31),
    "a prime": dict(sample_rate=8000, n_mels=11, win_length=100, hop_length=160, n_fft=2 * 101),
    "short": dict(sample_rate=8000, n_mels=3, win_length=2, hop_length=50, n_fft=2),
    "a power": dict(sample_rate=16000, n_mels=40, win_length=1024, hop_length=501, n_fft=1024),
    "narrow": dict(
        sample_rate=8000, n_mels=64, win_length=199, hop_length=80, n_fft=200, fmin=300, fmax=3333
    ),
    "esc10": PRESETS["esc10"].model_dump(),
}


class Scripts(HTMLParser):
    """Collects the scripts of a page, and the names of all elements."""

    def __init__(self, html):
        super().__init__()
        self.scripts, self.tags, self._inside = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        self._inside = False


def node(tmp_path, card, networks, script, **given):
    """Run JavaScript behind the page's; return the value of `answer`."""
    data, engine, _ = Scripts(page_html(card, networks)).scripts
    (tmp_path / "given.json").write_text(json.dumps(given | {"data": json.loads(data)}))
    code = (
        f"{engine}\nconst given = JSON.parse(require('fs').readFileSync(process.argv[2]));"
        f"const model = new Model(given.data);\n{script}\n"
        "console.log(JSON.stringify(answer));"
    )
    (tmp_path / "code.js").write_text(code)
    call = [NODE, tmp_path / "code.js", tmp_path / "given.json"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
@pytest.mark.parametrize(("genotype", "variant", "members"), KINDS)
def test_every_kind_of_network_answers_as_onnxruntime(tmp_path, genotype, variant, members):
    made = make(tmp_path, genotype, variant, members)
    clips = made.clips[:4]
    found = node(
        tmp_path,
        made.card,
        made.folded,
        """const mels = given.clips.map((clip) => Float32Array.from(clip.flat()));
        const answer = { logits: mels.map((mel) => Array.from(model.networks[0].logits(mel))),
                         posteriors: mels.map((mel) => model.probabilities(mel)) };""",
        clips=clips.tolist(),
    )
    session = onnxruntime.InferenceSession(made.file)
    logits = session.run(None, {"log_mel": clips[:, None]})[0]
    if members == 1:
        assert np.array(found["logits"]) == pytest.approx(logits, abs=1e-4)
    scaled = np.exp((logits - logits.max(1, keepdims=True)) / made.card.temperature)
    expected = scaled / scaled.sum(1, keepdims=True)
    assert np.array(found["posteriors"]) == pytest.approx(expected, abs=1e-4)


@needs_node
@pytest.mark.parametrize("settings", FRONT_ENDS.values(), ids=FRONT_ENDS)
def test_the_front_end_is_that_of_python(tmp_path, settings):
    made = make(tmp_path, GENOTYPES[0], {})
    frontend = FrontEnd(**{"seconds": 0.3} | settings)
    card = made.card.model_copy(update={"frontend": frontend})
    rng = np.random.default_rng(1)
    time = np.arange(frontend.samples) / frontend.sample_rate
    wave = 0.5 * np.sin(2 * np.pi * 0.21 * frontend.sample_rate * time**2)
    wave = (wave + rng.normal(0, 0.03, len(wave))).astype(np.float32)
    wave[: len(wave) // 4] *= 1e-3
    script = "const answer = Array.from(model.frontEnd.logMel(Float32Array.from(given.wave)));"
    found = node(tmp_path, card, made.folded, script, wave=wave.tolist())
    expected = log_mel(wave, frontend)
    loud = expected > expected.max() - 60
    assert loud.mean() > 0.2
    difference = np.abs(np.array(found).reshape(expected.shape) - expected)
    assert difference[loud].max() < 0.01


@needs_node
@pytest.mark.parametrize("short", ["silence", "repeat"])
@pytest.mark.parametrize("length", [1, 700, 2880, 2890, 2930, 2940, 5760, 8000])
def test_windows_are_those_of_python(tmp_path, length, short):
    made = make(tmp_path, GENOTYPES[0], {})
    samples = FRONTEND.samples
    wave = np.arange(1, length + 1, dtype=np.float32)
    script = """const wave = Float32Array.from(given.wave), { samples } = model.settings;
        const answer = given.hops.map((hop) => [...windowPlaces(wave.length, samples, hop)].map(
            ({ start }) => [start, Array.from(windowOf(wave, start, samples, given.short))]));"""
    hops = [samples, samples // 2, 1000]
    found = node(
        tmp_path, made.card, made.folded, script, wave=wave.tolist(), hops=hops, short=short
    )
    for hop, own in zip(hops, found, strict=True):
        cut, starts = windows(wave[None], samples, hop)
        assert [start for start, _ in own] == starts.tolist()
        if length < samples and short == "repeat":
            cut = np.resize(wave, samples)[None, None]
        assert np.array_equal([values for _, values in own], cut[:, 0])


def test_a_page_holds_all_it_needs_and_asks_for_nothing(tmp_path):
    file = asc_nas.page("esc10-tiny", tmp_path / "new" / "tiny.html")
    html = file.read_text("utf-8")
    floats = 14412 * 4 * 4 / 3
    assert floats < len(html) < floats + 120_000
    assert re.findall(r"""(?:src|href)=["']?([^"' >]+)""", html) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert policy.startswith("default-src 'none';")
    assert "connect-src" not in policy
    assert policy.count("sha256-") == 2
    for told in ("esc10-tiny", "CC BY 3.0", "f3+t3e2w1", "14,412", "no sound leaves it"):
        assert told in html
    assert [path.name for path in file.parent.iterdir()] == ["tiny.html"]


def test_text_of_a_card_stays_text(tmp_path):
    made = make(tmp_path, GENOTYPES[0], {})
    labels = (HOSTILE, "<!--<script>", "a & 'b' \"c\"")
    data = made.card.data.model_copy(update={"source": HOSTILE, "licence": "<b>"})
    card = made.card.model_copy(update={"labels": labels, "data": data, "genotype": HOSTILE})
    found = Scripts(page_html(card, made.folded))
    assert len(found.scripts) == 3
    assert "b" not in found.tags
    assert tuple(json.loads(found.scripts[0])["labels"]) == labels


def test_the_command_writes_a_page_that_is_named_as_the_model(tmp_path, monkeypatch, capsys):
    make(tmp_path / "models", GENOTYPES[0], {})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["page", "toy"])
    assert re.fullmatch(r"toy\.html \(\d+ kB\)\n", capsys.readouterr().out)
    assert (tmp_path / "toy.html").is_file()
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["page", "models/toy.onnx", "--out", "pages/a.html"])
    assert (tmp_path / "pages" / "a.html").read_bytes() == (tmp_path / "toy.html").read_bytes()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("esc10-tiny-int8", "int8 network; a page is made of the float model"),
        ("nothing", "no model 'nothing'"),
        ("toy.onnx", "another structure than the float networks that asc-nas exports"),
        ("a.tflite", "not a model; give NAME.onnx"),
        ("empty", "holds no model"),
    ],
)
def test_what_is_no_float_model_is_refused_in_a_sentence(tmp_path, monkeypatch, model, told):
    write_toy_model(tmp_path)
    (tmp_path / "a.tflite").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AscNasError, match=re.escape(told)):
        asc_nas.page(model, tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


@needs_node
@pytest.mark.parametrize(("decibels", "limit"), [(-20, 0.0), (-20, 1.0), (-69, 0.0), (-71, 0.0)])
def test_a_whole_recording_is_answered_as_classify_does(tmp_path, decibels, limit):
    made = make(tmp_path, GENOTYPES[3], VARIANTS[2], temperature=30.0)
    card = made.card.model_copy(update={"reject_below": limit})
    card.write(made.file.with_suffix(".json"))
    noise = np.random.default_rng(0).normal(0, 1, 9000)
    wave = (noise * 10 ** (decibels / 20)).astype(np.float32)
    script = """const wave = Float32Array.from(given.wave), { samples, short } = model.settings;
        const timeline = new Timeline(model, samples);
        for (const place of windowPlaces(wave.length, samples, samples)) {
            const window = windowOf(wave, place.start, samples, short);
            timeline.add(place, model.hear([window]).posterior);
        }
        const answer = timeline.posterior;"""
    found = node(tmp_path, card, made.folded, script, wave=wave.tolist())
    expected = Classifier.load(made.file).classify(wave, card.frontend.sample_rate)
    wanted = {(-20, 1.0): "none of these", (-71, 0.0): "silent"}.get((decibels, limit))
    assert (expected.label == wanted) == (wanted is not None)
    assert found == pytest.approx(list(expected.scores.values()), abs=1e-4)


@needs_node
@pytest.mark.parametrize(("rate", "wanted"), [(44100, 32000), (22050, 8000), (8000, 16000)])
def test_a_sample_rate_is_changed_as_classify_does(tmp_path, rate, wanted):
    made = make(tmp_path, GENOTYPES[0], {})
    wave = np.random.default_rng(0).normal(0, 0.1, rate // 4).astype(np.float32)
    script = """const wave = Float32Array.from(given.wave);
        const resampler = new Resampler(given.rate, given.wanted);
        const made = new Float32Array(resampler.length(wave.length));
        resampler.fill(wave, made, 0, made.length);
        const answer = Array.from(made);"""
    found = node(
        tmp_path, made.card, made.folded, script, wave=wave.tolist(), rate=rate, wanted=wanted
    )
    expected = soxr.resample(wave, rate, wanted, "HQ")
    assert len(found) == len(expected)
    difference = np.abs(np.array(found) - expected)[200:-200]
    assert difference.max() < 0.01 * np.abs(expected).max()
