from asc_nas.runtime.labels_out import audacity_labels, raven_selections
from asc_nas.runtime.segments import Segment

SEGMENTS = (Segment(0.0, 2.5, "rain", 0.91), Segment(2.5, 10.0, "dog\tbark", 1 / 3))


def test_an_audacity_label_track_has_start_end_and_label_between_tabs():
    assert audacity_labels(SEGMENTS) == "0.000000\t2.500000\train\n2.500000\t10.000000\tdog bark\n"


def test_a_raven_table_has_the_columns_that_raven_needs():
    header, first, second = raven_selections(SEGMENTS, 16000, 9.99999999).splitlines()
    names = header.split("\t")
    assert names[:7] == [
        "Selection",
        "View",
        "Channel",
        "Begin Time (s)",
        "End Time (s)",
        "Low Freq (Hz)",
        "High Freq (Hz)",
    ]
    row = dict(zip(names, second.split("\t"), strict=True))
    assert first.startswith("1\tSpectrogram 1\t1\t0.000000\t2.500000\t0.0\t16000.0\train")
    assert row["End Time (s)"] == "9.999999"
    assert (row["Selection"], row["Begin Time (s)"], row["Scene"]) == ("2", "2.500000", "dog bark")
    assert row["Probability"] == "0.3333"
