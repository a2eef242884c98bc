import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from toy_classifier import FRONTEND, RATE, tones, toy_classifier

from asc_nas.report import timeline_plot
from asc_nas.report.timeline_plot import MelPicture, classify_and_plot
from asc_nas.runtime.timeline import TimelineConfig


@pytest.mark.parametrize("seconds", [0.1, 2.0])
def test_a_recording_is_drawn_and_answered_as_without_the_plot(tmp_path, seconds):
    path = tmp_path / "a $x$ [red].wav"
    soundfile.write(path, tones("low", "high", seconds=seconds).T, RATE)
    config = TimelineConfig(hop=0.25, merge=0.5, min_confidence=0.4)
    answer = classify_and_plot(toy_classifier(), path, config, tmp_path / "plots" / "a.png")
    assert answer == toy_classifier().classify(path, None, config)
    assert imread(tmp_path / "plots" / "a.png").ndim == 3
    assert [p.name for p in (tmp_path / "plots").iterdir()] == ["a.png"]


def test_the_spectrogram_of_a_long_recording_has_a_bounded_number_of_columns(monkeypatch):
    monkeypatch.setattr(timeline_plot, "COLUMNS", 10)
    picture = MelPicture(20.0, FRONTEND)
    for start in range(20):
        mel = np.full((2, FRONTEND.n_mels, FRONTEND.frames), start, np.float32)
        picture.add(start, mel)
    found = picture.decibels()
    assert found.shape == (FRONTEND.n_mels, 10)
    np.testing.assert_allclose(found[0], np.arange(10) * 2 + 0.5, atol=0.1)
