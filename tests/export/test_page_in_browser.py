"""The page of a model in headless Chromium: its answers beside those of classify."""

import io
import re

import numpy as np
import pytest
import soundfile
from chromium import OPTIONS, chromium, watched_pages
from random_networks import CLASSES, FRONTEND, GENOTYPES, VARIANTS, make
from tiny import wait_until

from asc_nas.cli.output.classify_formats import Format, text_of_one
from asc_nas.export.page.page import page as write_page
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.recordings import classify
from asc_nas.runtime.timeline import TimelineConfig

pytestmark = pytest.mark.slow

RATE = FRONTEND.sample_rate
SIZES = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def model(folder):
    return make(folder, GENOTYPES[2], VARIANTS[3], members=2).file


@pytest.fixture(scope="module")
def address(folder, model):
    return write_page(model, folder / "it is.html").as_uri()


def recording(seconds: float, channels: int = 1, rate: int = RATE, level: float = 0.2):
    """Return noise (samples, channels) that changes its colour from time to time."""
    rng = np.random.default_rng(round(10 * seconds))
    time = np.arange(round(seconds * rate)) / rate
    wave = rng.normal(0, level, (len(time), channels)) * (np.sin(3 * time[:, None]) ** 4)
    wave[:, 0] += level * np.sin(2 * np.pi * np.where(time % 1 < 0.5, 300, 2500) * time)
    return wave.astype(np.float32)


@pytest.fixture(scope="module")
def browser(folder):
    soundfile.write(folder / "microphone.wav", recording(3.0, rate=44100), 44100)
    OPTIONS[:] += (fake := [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}",
    ])  # fmt: skip
    try:
        with chromium() as opened:
            yield opened
    finally:
        del OPTIONS[-len(fake) :]


@pytest.fixture
def open_page(browser, address):
    """Open the page; at the end, it must have made no error, and asked nobody for anything."""
    with watched_pages(browser, address, "blob:null/") as opened:
        yield opened


def give(page, file):
    """Let the page classify a file; return its windows, steps and segments."""
    page.evaluate("shown = null")
    page.set_input_files("#file", file)
    return answered(page)


def answered(page):
    wait_until(lambda: page.evaluate("shown !== null && !shown.live"))
    return page.evaluate(
        "({posterior: shown.posterior, windows: shown.timeline.windows, segments: shown.segments,"
        " steps: shown.steps, seconds: shown.seconds})"
    )


def downloaded(page, button):
    with page.expect_download() as caught:
        page.click(button)
    return caught.value.suggested_filename, caught.value.path().read_bytes().decode("utf-8")


@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize(
    ("seconds", "channels"), [(0.36, 1), (0.1, 1), (2.6, 1), (0.365, 1), (1.5, 2)]
)
def test_the_page_answers_as_classify(open_page, model, tmp_path, seconds, channels, parts):
    wave = recording(seconds, channels)
    wave[: len(wave) // 2, 1:] = 0  # silent in some windows
    file = tmp_path / "a.wav"
    soundfile.write(file, wave, RATE, subtype="FLOAT")
    page = open_page()
    page.select_option("#hop", str(parts))
    found = give(page, file)
    classifier, windows = Classifier.load(model), []
    hear = classifier.posterior
    classifier.posterior = lambda mel: windows.append(hear(mel)) or windows[-1]
    config = TimelineConfig(hop=round(FRONTEND.samples / parts) / RATE, merge=0)
    expected = classifier.classify(file, None, config)
    assert found["posterior"] == pytest.approx(list(expected.scores.values()), abs=1e-3)
    assert len(found["windows"]) == len(windows)
    for window, posterior in zip(found["windows"], windows, strict=True):
        assert window["posterior"][: len(posterior)] == pytest.approx(posterior.tolist(), abs=1e-3)
    for step, own in zip(expected.steps, found["steps"], strict=True):
        assert (own["start"], own["end"]) == (step.start, step.end)
        assert own["posterior"] == pytest.approx(step.posterior.tolist(), abs=1e-3)
    for segment, own in zip(expected.segments, found["segments"], strict=True):
        assert (own["start"], own["end"], own["label"]) == (
            segment.start,
            segment.end,
            segment.label,
        )
        assert own["probability"] == pytest.approx(segment.probability, abs=1e-3)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_a_recording_at_another_rate_is_resampled_as_classify_does(
    open_page, model, tmp_path, kind
):
    file = tmp_path / f"a.{kind}"
    soundfile.write(file, recording(2.6, rate=22050), 22050)
    found = give(open_page(), file)
    expected = Classifier.load(model).classify(file)
    assert found["seconds"] == pytest.approx(expected.duration, abs=1e-9)
    assert found["posterior"] == pytest.approx(list(expected.scores.values()), abs=1e-3)


@pytest.mark.parametrize("name", ["street.wav", '=a, "b".wav', "</script><b>.wav"])
def test_labels_are_those_that_classify_writes(open_page, model, tmp_path, name):
    file = tmp_path / name.replace("/", "\\x2f")
    soundfile.write(file, recording(2.6), RATE, subtype="FLOAT")
    page = open_page()
    found = give(page, file)
    assert len(found["segments"]) > 1
    answer = classify(file, str(model), TimelineConfig(merge=0))[0]
    audacity, text = downloaded(page, "#audacity")
    assert text == text_of_one(Format.audacity, answer)
    assert audacity.endswith(".labels.txt")
    _, table = downloaded(page, "#csv")
    expected = text_of_one(Format.segments, answer).replace(str(tmp_path) + "/", "")
    number = re.compile(r"0\.\d{4,}")
    if not name.startswith("="):  # there, the path of the command line has a folder before it
        assert number.sub("p", table) == number.sub("p", expected)
    else:
        assert table.splitlines()[1].startswith('"./=a, ""b"".wav",0.0,')
    assert page.locator("#rows tr").count() == len(found["segments"])
    assert page.locator("#name").inner_text().startswith(file.name)
    assert page.locator("b").count() == 0


def test_a_recording_can_be_dropped(open_page):
    page = open_page()
    content = io.BytesIO()
    soundfile.write(content, recording(1.0), RATE, format="WAV")
    page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.wav"));
            document.body.dispatchEvent(
                new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(content.getvalue()),
    )
    assert answered(page)["seconds"] == 1.0
    assert page.locator("#name").inner_text() == "dropped.wav, 0:01.0"


def test_the_microphone_is_heard_and_then_classified_as_a_whole(open_page):
    page = open_page()
    page.locator("#microphone").focus()
    page.keyboard.press("Enter")
    wait_until(lambda: page.evaluate("Boolean(shown?.live) && listening.length > 44100"))
    assert page.locator("#bars li").count() == len(CLASSES)
    assert not page.locator("#rows").is_visible()
    page.keyboard.press("Enter")
    found = answered(page)
    assert found["seconds"] > 1
    assert len(found["windows"]) >= found["seconds"] // FRONTEND.seconds
    wave = page.evaluate("Array.from(last.channels[0])")
    assert np.ptp(wave) > 0.1  # it was heard
    assert page.locator("#rows").is_visible()
    assert page.evaluate("last.seconds") == pytest.approx(len(wave) / RATE, abs=1 / RATE)


def test_a_file_that_is_no_recording_is_told(open_page, tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    page = open_page()
    page.set_input_files("#file", tmp_path / "a.wav")
    wait_until(lambda: "cannot decode" in page.locator("#status").inner_text())
    assert not page.locator("#result").is_visible()


def test_silence_is_told(open_page, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    page = open_page()
    found = give(page, tmp_path / "a.wav")
    assert {segment["label"] for segment in found["segments"]} == {"silent"}
    assert "no signal" in page.locator("#status").inner_text()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_all_is_seen_on_narrow_and_wide_screens_by_day_and_night(
    open_page, tmp_path, width, scheme
):
    soundfile.write(tmp_path / "a.wav", recording(2.6), RATE)
    page = open_page(width, color_scheme=scheme)
    sizes = [page.evaluate("document.documentElement.scrollWidth")]
    give(page, tmp_path / "a.wav")
    sizes.append(page.evaluate("document.documentElement.scrollWidth"))
    assert max(sizes) <= width
    colours = page.evaluate(
        """() => ["spectrogram", "posteriors", "axis"].map((id) => {
            const canvas = document.getElementById(id);
            const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(all.data.buffer)).size;
        })"""
    )
    assert min(colours) > 2
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_the_keyboard_reaches_all(open_page, tmp_path):
    soundfile.write(tmp_path / "a.wav", recording(2.6), RATE)
    page = open_page()
    give(page, tmp_path / "a.wav")
    wait_until(lambda: page.evaluate("document.activeElement.id") == "label")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"choose", "microphone", "hop", "csv", "audacity"} <= {*seen, *tabbed_back(page)}


def tabbed_back(page):
    page.evaluate("document.activeElement.blur()")
    page.locator("#choose").focus()
    seen = ["choose"]
    for _ in range(2):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
    return seen
