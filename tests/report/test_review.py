"""The page to review: what is on it, in which order, and that text stays text."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from toy_classifier import LABELS, RATE, tones, toy_card, write_toy_model

from asc_nas.core.errors import UsageError
from asc_nas.report import review
from asc_nas.report.review import most_uncertain, page_html, write_review
from asc_nas.runtime.recordings import Answer, Recording, classify
from asc_nas.runtime.segments import NONE, Segment

HOSTILE = "</script><script>document.title='attacked'</script><!--"


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture
def answers(tmp_path):
    model = write_toy_model(tmp_path / "models")
    wave = tones("low", "high", "middle")
    wave[:, RATE:] *= 0.1  # less sure
    soundfile.write(tmp_path / "a.wav", wave.T, RATE)
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE // 2), RATE)
    return classify([tmp_path / "a.wav", tmp_path / "silence.wav"], str(model))


def test_the_least_sure_come_first_and_silence_last(answers):
    found = most_uncertain(answers, toy_card())
    assert [segment.label for _, segment in found][-1] == "silent"
    sure = [segment.probability for _, segment in found[:-1]]
    assert sure == sorted(sure)
    assert found[0][1].start == 1.0


def test_what_was_rejected_counts_as_sure_as_the_limit():
    card = toy_card(reject_below=0.5)

    def answer(segment):
        classification = type("C", (), {"segments": (segment,)})()
        return Answer(Recording(Path("a"), Path("a")), classification)

    order = (Segment(0, 1, "low", 0.4), Segment(0, 1, NONE, 1.0), Segment(0, 1, "low", 0.6))
    order += (Segment(0, 1, "low", 1.0), Segment(0, 1, "silent", 1.0))
    found = most_uncertain([answer(segment) for segment in reversed(order)], card)
    assert tuple(segment for _, segment in found) == order


def test_a_page_has_the_sounds_and_asks_for_nothing(answers, tmp_path):
    made = write_review(answers, toy_card(), tmp_path / "new" / "page.html")
    text = (tmp_path / "new" / "page.html").read_text("utf-8")
    assert (made.sounds, made.of) == (4, 4)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    assert re.findall(r"""(?:src|href)=["']?([^"' >]+)""", text) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    data = data_of(text)
    assert data["labels"] == [*LABELS, NONE]
    for item in data["items"]:
        sound, rate = soundfile.read(io.BytesIO(base64.b64decode(item["sound"])))
        assert rate == RATE
        assert len(sound) == pytest.approx(RATE / 2, abs=2500)  # encoders pad
        picture = np.frombuffer(base64.b64decode(item["picture"]), np.uint8)
        bands = picture.reshape(-1, item["columns"]).mean(axis=1)
        loudest = {"low": (0, 20), "middle": (15, 40), "high": (35, 64), "silent": (0, 1)}
        first, end = loudest[item["label"]]
        assert first <= bands.argmax() < end
        assert (picture.max() == 0) == (item["label"] == "silent")


def test_a_page_holds_a_bounded_number_of_sounds(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(review, "MOST_SOUNDS", 2)
    monkeypatch.setattr(review, "MOST_SECONDS", 0.25)
    made = write_review(answers, toy_card(), tmp_path / "page.html")
    data = data_of((tmp_path / "page.html").read_text("utf-8"))
    assert (made.sounds, made.of, data["total"]) == (2, 4, 4)
    assert [item["heard"] for item in data["items"]] == [0.25, 0.25]
    assert data["items"][0]["end"] - data["items"][0]["start"] == 0.5


def test_text_of_names_and_labels_stays_text():
    data = {"labels": [HOSTILE], "name": HOSTILE, "items": [{"name": HOSTILE, "path": "<b>&"}]}
    text = page_html(HOSTILE, data)
    assert text.count("</script>") == 2
    assert "<b>" not in text
    assert "<!--" not in text
    assert data_of(text) == data


def test_nothing_to_review_is_told(tmp_path):
    failed = Answer(Recording(tmp_path, tmp_path), error="gone")
    with pytest.raises(UsageError, match="nothing to review"):
        write_review([failed], toy_card(), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
