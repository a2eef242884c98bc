import csv
import io

from asc_nas.report.tables import Table

TABLE = Table(
    "Scores",
    ("Class", "F1", "Clips"),
    (("50 % a_b & {c}\\", 0.12345, 1200), ('say "x", y', None, 3)),
)


def test_csv_keeps_numbers_in_full_and_text_as_it_is():
    rows = list(csv.reader(io.StringIO(TABLE.to_csv())))
    assert rows == [
        ["Class", "F1", "Clips"],
        ["50 % a_b & {c}\\", "0.12345", "1200"],
        ['say "x", y', "", "3"],
    ]


def test_latex_escapes_what_is_special_there():
    lines = TABLE.to_latex().splitlines()
    assert "\\begin{tabular}{lrr}" in lines
    assert r"50 \% a\_b \& \{c\}\textbackslash{} & 0.123 & 1,200 \\" in lines
    assert r'say "x", y & -- & 3 \\' in lines
