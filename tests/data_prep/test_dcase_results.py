"""The challenge's result files: the exact formats, read back, and every fault named by its line."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.results.dcase_results import compare, read_results, result_format, write_results
from data_prep.results.ground_truth import read_truth

LABELS = ("airport", "bus", "tram")
PATHS = ("audio/airport-a.wav", "audio/bus-b.wav", "audio/tram-s4.wav")
POSTERIORS = np.array([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25], [1.2e-9, 0.1, 0.9]])
LISTED = "".join(f"{path}\t{label}\n" for path, label in zip(PATHS, LABELS, strict=True))


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_the_labels_format_has_no_header(tmp_path):
    write_results(tmp_path / "r.txt", PATHS, POSTERIORS, LABELS, "labels")
    assert (tmp_path / "r.txt").read_text() == (
        "audio/airport-a.wav\tairport\naudio/bus-b.wav\tairport\naudio/tram-s4.wav\ttram\n"
    )


def test_the_probabilities_format_has_a_header_and_plain_decimals(tmp_path):
    write_results(tmp_path / "r.csv", PATHS, POSTERIORS, LABELS, "probabilities")
    assert (tmp_path / "r.csv").read_text() == (
        "filename\tscene_label\tairport\tbus\ttram\n"
        "audio/airport-a.wav\tairport\t0.75\t0.25\t0.0\n"
        "audio/bus-b.wav\tairport\t0.5\t0.25\t0.25\n"
        "audio/tram-s4.wav\ttram\t0.0000000012\t0.1\t0.9\n"
    )


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match="labels, probabilities"):
        write_results(tmp_path / "r.csv", PATHS, POSTERIORS, LABELS, "xml")


@pytest.mark.parametrize(
    ("dataset", "form"),
    [
        ("dcase2018-task5", "labels"),
        ("dcase2018_task5_evaluation", "labels"),
        ("tut-2017", "labels"),
        ("tut-urban-2018", "labels"),
        ("tau-urban-2019", "labels"),
        ("tau-urban-2020-mobile", "probabilities"),
        ("tau_urban_2022_mobile", "probabilities"),
        ("tutorial", "probabilities"),
    ],
)
def test_the_format_is_that_of_the_challenge(dataset, form):
    assert result_format(dataset) == form


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_what_was_written_is_read_back(tmp_path_factory, seed, clips):
    file = tmp_path_factory.mktemp("results") / "r.csv"
    posteriors = np.random.default_rng(seed).dirichlet(np.full(3, 0.1), clips)
    paths = [f"audio/{i}.wav" for i in range(clips)]
    write_results(file, paths, posteriors, LABELS, "probabilities")
    found = read_results(file)
    assert list(found.paths) == paths
    assert found.labels == LABELS
    assert [LABELS.index(label) for label in found.decided] == posteriors.argmax(1).tolist()
    assert found.probabilities == pytest.approx(posteriors, rel=1e-7)


def test_a_list_without_header_is_a_ground_truth_with_sessions_as_groups(tmp_path):
    lines = "audio/DevNode1_ex1_1.wav\tabsence\tex1\naudio/DevNode2_ex1_1.wav\tabsence\tex1\n"
    truth = read_truth(written(tmp_path / "fold1_evaluate.txt", lines))
    assert truth.targets == ("absence", "absence")
    assert truth.groups == ("ex1", "ex1")
    assert truth.seen is None


def test_a_list_with_header_gives_groups_and_devices_where_it_has_them(tmp_path):
    plain = read_truth(
        written(tmp_path / "fold1_evaluate.csv", "filename\tscene_label\naudio/a.wav\tbus\n")
    )
    assert (plain.paths, plain.targets) == (("audio/a.wav",), ("bus",))
    assert (plain.groups, plain.devices) == (("audio/a.wav",), ("",))
    meta = read_truth(
        written(
            tmp_path / "meta.csv",
            "filename\tscene_label\tidentifier\tsource_label\naudio/a.wav\tbus\tparis-7\ts4\n",
        )
    )
    assert (meta.groups, meta.devices) == (("paris-7",), ("s4",))


def test_a_manifest_gives_label_order_groups_devices_and_what_training_heard(tmp_path):
    clips = (
        Clip("audio/1.wav", "tram", "1", "g1", "a", role="train"),
        Clip("audio/2.wav", "bus", "1", "g2", "b", role="search_val"),
        Clip("audio/3.wav", "bus", "2", "g3", "s4", role="test"),
        Clip("audio/4.wav", "tram", "2", "", "a", role="test"),
    )
    file = tmp_path / "manifest.parquet"
    Manifest("mine", tmp_path, ("tram", "bus"), clips).write(file)
    truth = read_truth(file)
    assert truth.paths == ("audio/3.wav", "audio/4.wav")
    assert truth.groups == ("g3", "audio/4.wav")
    assert truth.devices == ("s4", "a")
    assert truth.labels == ("tram", "bus")
    assert truth.seen == {"a", "b"}
    assert read_truth(file, "search_val").seen == {"a"}
    unsplit = tuple(Clip(clip.path, clip.label) for clip in clips)
    Manifest("mine", tmp_path, ("tram", "bus"), unsplit).write(file)
    assert len(read_truth(file).paths) == 4
    assert read_truth(file).seen is None


def test_the_known_nodes_of_task_5_are_those_of_its_development_set(tmp_path):
    clips = [Clip(f"audio/{n}.wav", "eating", "test", "ex1", f"DevNode{n}") for n in (4, 5)]
    name = "dcase2018-task5-evaluation"
    Manifest(name, tmp_path, ("eating",), tuple(clips)).write(tmp_path / "m.parquet")
    assert read_truth(tmp_path / "m.parquet").seen == {f"DevNode{n}" for n in (1, 2, 3, 4)}


def test_results_in_another_order_and_without_the_audio_folder_are_matched(tmp_path):
    truth = read_truth(written(tmp_path / "t.txt", LISTED))
    results = written(
        tmp_path / "r.csv",
        "filename\tscene_label\ttram\tairport\tbus\n"
        "tram-s4.wav\ttram\t0.9\t0.1\t0\n"
        "bus-b.wav\tbus\t0\t0.5\t0.5\n"
        "airport-a.wav\ttram\t0.6\t0.4\t0\n",
    )
    found = compare(read_results(results), truth)
    assert found.labels == ("tram", "airport", "bus")
    assert [found.labels[i] for i in found.targets] == list(LABELS)
    assert [found.labels[i] for i in found.decided] == ["tram", "bus", "tram"]
    assert found.losses == pytest.approx(-np.log([0.4, 0.5, 0.9]))


def test_columns_are_put_into_the_manifest_s_label_order(tmp_path):
    clips = (Clip("audio/a.wav", "bus"), Clip("audio/b.wav", "tram"))
    Manifest("mine", tmp_path, ("tram", "bus"), clips).write(tmp_path / "m.parquet")
    text = "filename\tscene_label\tbus\ttram\na.wav\tbus\t0.9\t0.1\nb.wav\tbus\t0.6\t0.4\n"
    found = compare(
        read_results(written(tmp_path / "r.csv", text)), read_truth(tmp_path / "m.parquet")
    )
    assert found.labels == ("tram", "bus")
    assert found.decided.tolist() == [1, 1]
    assert found.losses == pytest.approx(-np.log([0.9, 0.4]))


def test_the_decision_is_the_label_column_even_against_the_probabilities(tmp_path):
    truth = read_truth(written(tmp_path / "t.txt", "a.wav\tbus\nb.wav\ttram\n"))
    results = written(
        tmp_path / "r.csv",
        "filename\tscene_label\tbus\ttram\na.wav\ttram\t0.9\t0.1\nb.wav\ttram\t0.1\t0.9\n",
    )
    assert compare(read_results(results), truth).scores().accuracy == 0.5


def test_results_without_probabilities_have_no_log_loss(tmp_path):
    truth = read_truth(written(tmp_path / "t.txt", LISTED))
    found = compare(read_results(written(tmp_path / "r.txt", LISTED)), truth)
    assert found.losses is None
    assert found.scores().accuracy == 1


HEADER = "filename\tscene_label\tairport\tbus\ttram\n"
GOOD = "audio/airport-a.wav\tbus\t0.2\t0.8\t0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LISTED + "audio/bus-b.wav\tbus\n", r"line 4: 'audio/bus-b\.wav' stands on line 2"),
        (LISTED + "audio/x.wav\tbus\n", r"line 4: the clip 'audio/x\.wav' is not in \S+t\.txt"),
        (LISTED.splitlines()[0], r"2 of the 3 clips are missing.*bus-b\.wav' \(\S+t\.txt, line 2"),
        (LISTED.replace("\tbus", "\tbuss"), r"line 2: the label 'buss' .*Did you mean 'bus'"),
        (LISTED + "\nnonsense\n", r"line 5: expected 2 values separated by tabs, found 1"),
        ("", "lists no clips"),
        (HEADER, "lists no clips"),
        (HEADER + GOOD.replace("0.8", "nan"), "line 2: nan is no probability"),
        (HEADER + GOOD.replace("0.8", "-0.8"), r"line 2: -0\.8 is no probability"),
        (HEADER + GOOD.replace("0.8", "0.7"), r"line 2: the probabilities sum to 0\.9"),
        (HEADER + GOOD.replace("0.8", "much"), "line 2: not a probability .*'much'"),
        (HEADER + GOOD.replace("\t0\n", "\n"), "line 2: expected 5 values"),
        (HEADER.replace("bus", "buss") + GOOD, "line 1: the column 'buss' .*Did you mean 'bus'"),
        (HEADER.replace("\ttram", "") + GOOD.replace("\t0\n", "\n"), "line 1: .*no column for"),
        (HEADER.replace("tram", "bus") + GOOD, "line 1: expected the columns"),
    ],
)
def test_a_fault_of_a_result_file_is_one_sentence_with_file_and_line(tmp_path, text, message):
    file = tmp_path / "manifest.parquet"
    clips = [Clip(path, label) for path, label in zip(PATHS, LABELS, strict=True)]
    Manifest("mine", tmp_path, LABELS, tuple(clips)).write(file)
    listed = written(tmp_path / "t.txt", LISTED)
    results = written(tmp_path / "r.csv", text)
    truth = read_truth(file if "column" in message else listed)
    with pytest.raises(AscNasError, match=message) as caught:
        compare(read_results(results), truth)
    assert re.search(r"r\.csv", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename\na.wav\n", "line 1: expected the columns .*list without labels"),
        ("a.wav\nb.wav\n", "line 1: expected filename, scene_label"),
        ("a.wav\tbus\nb.wav\t\n", "line 2: expected"),
        ("a.wav\tbus\na.wav\ttram\n", r"line 2: 'a\.wav' stands on line 1"),
        (
            "a.wav\tbus\nb.wav\tbuss\n",
            r"t\.txt, line 2: the label 'buss' is no column of \S+r\.csv",
        ),
    ],
)
def test_a_fault_of_a_ground_truth_is_one_sentence_with_file_and_line(tmp_path, text, message):
    results = written(tmp_path / "r.csv", HEADER + "a.wav\tbus\t0\t1\t0\nb.wav\tbus\t0\t1\t0\n")
    with pytest.raises(AscNasError, match=message):
        compare(read_results(results), read_truth(written(tmp_path / "t.txt", text)))


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path):
    with pytest.raises(AscNasError, match=r"none\.csv: no such file"):
        read_results(tmp_path / "none.csv")
    (tmp_path / "r.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AscNasError, match=r"r\.csv: not readable as text"):
        read_results(tmp_path / "r.csv")
    with pytest.raises(AscNasError, match="not readable as text"):
        read_truth(tmp_path)


def test_scoring_a_file_loads_no_torch():
    code = (
        "import sys, data_prep.results.dcase_results, asc_nas.evaluation.parts;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
