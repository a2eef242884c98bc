"""The page to review in headless Chromium: correct labels, save, and learn from the list."""

import csv
import shutil

import numpy as np
import pytest
import soundfile
from chromium import chromium, watched_pages
from tiny import wait_until
from toy_classifier import LABELS, RATE, tones, toy_card, write_toy_model

from asc_nas.report.review import write_review
from asc_nas.runtime.recordings import classify
from data_prep.datasets import read_dataset
from data_prep.own_data.look import look

pytestmark = pytest.mark.slow

SIZES = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]
NAMES = ("20240131_235959.wav", '<img src=x onerror=alert(1)>, "quoted" =1+1.wav')
HOSTILE = "=low <b>&\"'</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with two recordings of four windows each, and the page of their answers."""
    folder = tmp_path_factory.mktemp("review")
    model = write_toy_model(folder / "models")
    for name in NAMES:
        wave = tones("low", "high", "middle", "low")
        wave[:, : RATE // 2] *= 0.3
        soundfile.write(folder / name, wave.T, RATE)
    answers = classify([folder / name for name in NAMES], str(model))
    write_review(answers, toy_card(), folder / "page.html")
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser, folder):
    """Open the page; at the end, it must have made no error, and asked nobody for anything."""
    with watched_pages(browser, (folder / "page.html").as_uri(), "blob:") as opened:
        yield opened


def saved(page, folder):
    with page.expect_download() as caught:
        page.click("#save")
    assert caught.value.suggested_filename == "page.csv"
    shutil.copy(caught.value.path(), folder / "page.csv")
    return folder / "page.csv"


def items(page):
    return page.evaluate("items.map(({name, start, label}) => [name, start, label])")


def test_corrected_labels_become_a_list_that_is_learnt_from(open_page, folder, tmp_path):
    page = open_page()
    shown = items(page)
    assert len(shown) == 8
    labels = ["high", shown[1][2], None, "none of these", "middle"]
    page.click("#labels button[value=high]")  # corrected
    page.keyboard.press("Enter")  # right
    page.keyboard.press("s")  # skipped
    page.keyboard.press("0")
    page.keyboard.press(str(1 + LABELS.index("middle")))  # corrected
    assert page.inner_text("#count") == "5 of 8 answered"
    assert page.inner_text("#save") == "Save the list (4)"
    manifest = read_dataset("csv", saved(page, tmp_path))
    expected = [
        (name, start, label)
        for (name, start, _), label in zip(shown[:5], labels, strict=True)
        if label is not None
    ]
    found = [(str(manifest.root / c.path), c.start, c.label) for c in manifest.clips]
    assert found == expected
    assert {clip.duration for clip in manifest.clips} == {0.5}
    assert {clip.group for clip in manifest.clips} <= {str(folder / name) for name in NAMES}
    assert look(tmp_path / "page.csv").layout == "csv"


def test_sounds_are_heard_and_followed(open_page):
    page = open_page()
    page.keyboard.press(" ")
    wait_until(lambda: page.evaluate("audio.currentTime > 0.1"))
    wait_until(lambda: page.evaluate("parseFloat(part('playhead').style.left) > 10"))
    wait_until(lambda: page.evaluate("audio.paused"))  # at its end
    page.click("#picture", position={"x": 300, "y": 50})
    assert page.evaluate("audio.currentTime") > 0.1
    page.uncheck("#auto")
    page.keyboard.press("Enter")
    assert page.evaluate("audio.paused && answers.has(0)")
    page.check("#auto")
    page.click("#labels button[value=low]")
    wait_until(lambda: page.evaluate("!audio.paused"))


def test_a_key_after_a_click_presses_no_button_once_more(open_page):
    page = open_page()
    page.click("#labels button[value=low]")
    page.keyboard.press(" ")
    assert page.evaluate("[...answers]") == [[0, "low"]]


def test_answers_outlive_the_page(open_page):
    def reopened():
        """A busy Chromium may lose what was kept a moment before, so a new one is asked then."""
        page = open_page()
        page.keyboard.press("1")
        page.keyboard.press("s")
        page.reload()
        page.wait_for_selector("html[data-ready=yes]")
        return page if page.evaluate("answers.size") == 2 else None

    page = wait_until(reopened)
    assert page.evaluate("[...answers]") == [[0, "low"], [1, None]]
    assert page.evaluate("current") == 2


def test_names_are_shown_as_they_are(open_page):
    page = open_page()
    number = next(i for i, (name, _, _) in enumerate(items(page)) if name.endswith(NAMES[1]))
    page.click(f"#rows li:nth-child({number + 1}) button")
    assert NAMES[1] in page.inner_text("#place")
    assert page.locator("img").count() == 0
    timed = next(
        i for i, (name, start, _) in enumerate(items(page)) if "2024" in name and start == 1
    )
    page.click(f"#rows li:nth-child({timed + 1}) button")
    assert "2024-02-01 00:00:00 UTC" in page.inner_text("#place")


def test_hostile_labels_are_text_on_the_page_and_in_the_list(browser, folder, tmp_path):
    model = write_toy_model(tmp_path / "models")
    card = toy_card().model_copy(update={"labels": (HOSTILE, "middle", "high")})
    card.write(model.with_suffix(".json"))
    write_review(classify(folder / NAMES[0], str(model)), card, tmp_path / "page.html")
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    assert page.inner_text("#labels button:first-child span") == HOSTILE
    page.click("#labels button:first-child")
    with saved(page, tmp_path).open(newline="") as file:
        (row,) = csv.DictReader(file)
    context.close()
    assert row["label"] == f"'{HOSTILE}"


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_all_is_seen_on_narrow_and_wide_screens_by_day_and_night(open_page, width, scheme):
    page = open_page(width, color_scheme=scheme)
    page.keyboard.press("1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    colours = page.evaluate(
        """() => {
            const canvas = document.getElementById("spectrogram");
            const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(all.data.buffer)).size;
        }"""
    )
    assert colours > 20
    assert np.all([page.is_visible(f"#{name}") for name in ("play", "right", "none", "save")])
