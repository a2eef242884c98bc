"""What the timing scripts say of their aims, and what speed.py reads of it."""

import pytest
import speed
import timing


@pytest.mark.parametrize(
    ("measured", "aim", "met"),
    [
        (2.0, "at least 2", True),
        (1.99, "at least 2", False),
        (1.15, "at most 1.15", True),
        (1.2, "at most 1.15", False),
        (0.004, "below 0.03", True),
        (0.04, "below 0.03", False),
        (1.1, "above 1", True),
        (1.1, "0.85 to 1.15", True),
        (0.8, "0.85 to 1.15", False),
        (1.2, "0.85 to 1.15", False),
        (0.5, "stated", True),
    ],
)
def test_an_aim_is_met_or_missed(measured, aim, met):
    assert timing.met(measured, aim) is met


def test_the_table_has_what_a_script_printed(capsys):
    timing.print_aims([("peer / asc-nas", 1.333, "at least 2"), ("waiting", 0.0321, "below 0.05")])
    lines = capsys.readouterr().out.splitlines()
    found = [match.groups() for line in lines if (match := speed.AIM.match(line))]
    assert found == [
        ("peer / asc-nas", "1.33", "at least 2; missed"),
        ("waiting", "0.0321", "below 0.05"),
    ]


def test_every_script_of_the_table_is_there(tmp_path):
    for name in speed.commands(tmp_path, tmp_path / "run", "10m"):
        assert (speed.HERE / f"{name}.py").is_file()
