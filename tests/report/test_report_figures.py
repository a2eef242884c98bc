"""Figures on a full disk: the disk's error, not one of matplotlib's."""

import resource
from string import ascii_letters

import pytest
from matplotlib.figure import Figure

from asc_nas.report.figures import write_figure


@pytest.fixture
def small_files():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_figure_that_cannot_be_written_names_its_file(tmp_path, small_files):
    figure = Figure(figsize=(0.1, 0.1))  # small as PNG, not as PDF, which holds the font
    figure.text(0, 0, ascii_letters)
    with pytest.raises(OSError, match="File too large") as error:
        write_figure(figure, tmp_path / "plot")
    assert error.value.filename == str(tmp_path / "plot.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]
