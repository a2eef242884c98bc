"""Plain lines of progress, where there is no terminal."""

from asc_nas.cli.output.progress import SECONDS_BETWEEN_LINES, Lines, progress


def test_the_first_and_last_item_are_told_with_the_time_since_the_work_began(capsys):
    now = iter([7.0, 8.0, 9.0]).__next__
    lines = Lines("Work", "items", start=0.0, clock=now)
    for done in (1, 2, 3):
        lines.show(done, 3, f"item {done}")
    assert capsys.readouterr().err.splitlines() == [
        "Work: 1/3, 7 s, item 1",
        "Work: 3/3, 9 s, item 3",
    ]


def test_between_two_lines_there_is_a_pause(capsys):
    now = iter([0.0, SECONDS_BETWEEN_LINES - 1, SECONDS_BETWEEN_LINES + 1]).__next__
    lines = Lines("Work", "items", clock=now)
    for done in (1, 2, 3):
        lines.show(done, 9, "")
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/9,", "3/9,"]


def test_short_work_is_not_told_of(capsys):
    with progress("Work", quiet=1e9) as report:
        report(1, 1, "")
    assert capsys.readouterr().err == ""
