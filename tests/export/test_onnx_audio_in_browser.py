"""The page of the guide in headless Chromium, with onnxruntime-web from npm, against classify."""

import os
import re
import shutil
import subprocess
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import chromium
from documented import ROOT
from tiny import PATIENCE

from asc_nas.export.targets import TARGETS, ExportedModel, Source
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.model_files import find_card
from asc_nas.runtime.timeline import TimelineConfig

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "guides" / "browser.html"
PACKAGE = "onnxruntime-web"
VARIABLE = "ONNXRUNTIME_WEB"
"""Path of its .tgz file, where npm is not to be asked."""
NEEDED = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def packed(folder: Path) -> Path:
    """Return the package as npm packs it, or skip with the reason."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"there is no npm here, and {VARIABLE} is not set")
    call = [npm, "pack", PACKAGE, "--loglevel=error"]
    try:
        subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=300, check=True)
    except subprocess.SubprocessError as error:
        why = " ".join(str(error.stderr or error).split())
        pytest.skip(f"npm could not get {PACKAGE}: {why[:200]}")
    return next(folder.glob(f"{PACKAGE}-*.tgz"))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load("esc10-tiny")


@pytest.fixture(scope="module")
def site(tmp_path_factory, classifier):
    """Serve what the guide says to put together; give its address."""
    folder = tmp_path_factory.mktemp("browser")
    with tarfile.open(packed(folder)) as package:
        for name in NEEDED:
            package.extract(f"package/dist/{name}", folder, filter="data")
    card = find_card("esc10-tiny")
    for file in (card, card.with_suffix(".onnx")):
        shutil.copy(file, folder)
    noise = np.random.default_rng(0).normal(0, 3000, (8, classifier.card.frontend.samples))
    model = ExportedModel.read(folder / "esc10-tiny.onnx")
    made = TARGETS["onnx-audio"](Source(model, None, None, lambda n: noise[:n].astype(np.int16)))
    for file in made.file.iterdir():
        shutil.copy(file, folder)
    shutil.copy(PAGE, folder / "index.html")
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser, site):
    """Open the page; at the end, it must have made no error and asked nobody else."""
    problems = []
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(site) else problems.append(r.url))
    page.goto(site)
    page.wait_for_selector("input:enabled")
    yield page
    page.close()
    assert problems == []


def recording(seconds: float, channels: int, rate: int) -> np.ndarray:
    """Return noise whose colour changes, and a last channel of silence if there are several."""
    rng = np.random.default_rng(int(10 * seconds))
    time = np.arange(round(seconds * rate)) / rate
    wave = rng.normal(0, 0.1, (len(time), channels)) * (1.1 + np.sin(time)[:, None])
    wave[:, :1] += 0.5 * np.sin(2 * np.pi * 500 * time * time)[:, None]
    if channels > 1:
        wave[:, -1] = 0
    return wave.astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "channels"),
    [(5, 1), (1.7, 1), (12.3, 1), (10.05, 1), (7, 2)],
    ids=["a window", "repeated", "a last window", "nearly two windows", "a silent channel"],
)
def test_the_page_answers_as_classify(page, classifier, tmp_path, seconds, channels):
    file = tmp_path / "it is.wav"
    rate = classifier.card.frontend.sample_rate
    soundfile.write(file, recording(seconds, channels, rate), rate, subtype="FLOAT")
    page.set_input_files("input", file)
    page.wait_for_selector("li")
    rows = page.locator("li").evaluate_all(
        "all => all.map(row => [row.firstChild.textContent, row.querySelector('meter').value])"
    )
    scores = classifier.classify(file, config=TimelineConfig(reject=False)).scores
    expected = {label: scores[label] for label in classifier.card.labels}
    assert dict(rows) == pytest.approx(expected, abs=1e-3)
    assert [value for _, value in rows] == sorted((value for _, value in rows), reverse=True)
    assert page.locator("#status").inner_text() == file.name
    assert page.locator("li").first.inner_text().endswith(f"{100 * rows[0][1]:.1f} %")


def test_a_file_that_is_no_recording_is_told(browser, site, tmp_path):
    page = browser.new_page()
    page.goto(site)
    (tmp_path / "a.wav").write_text("no sound")
    page.wait_for_selector("input:enabled")
    page.set_input_files("input", tmp_path / "a.wav")
    page.wait_for_function("document.querySelector('#status').textContent.includes('decode')")
    page.close()


def test_a_model_that_is_missing_is_told(browser, site):
    page = browser.new_page()
    page.route("**/model.onnx", lambda route: route.fulfill(status=404))
    page.goto(site)
    page.wait_for_function("document.querySelector('#status').textContent.includes('model.onnx')")
    assert not page.locator("input").is_enabled()
    page.close()


def test_the_page_has_at_most_60_lines_of_javascript():
    scripts = re.findall(r"<script[^>]*>\n(.*?)</script>", PAGE.read_text("utf-8"), re.S)
    assert 0 < sum(script.count("\n") for script in scripts) <= 60
