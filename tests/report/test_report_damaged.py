"""The report of a run whose JSON was cut off or edited: never a traceback, always a sentence."""

import copy
import json
import math
import shutil

import pytest
from edited import document as document_of

from asc_nas.core.errors import AscNasError
from asc_nas.report.figures import all_figures
from asc_nas.report.page import page
from asc_nas.report.tables import all_tables
from asc_nas.run.folder import RunFolder
from asc_nas.run.gather.report import gather_report
from asc_nas.run.paths import RunPaths
from asc_nas.search.pareto import ParetoSet
from asc_nas.search.shrinking_log import read_events

FILES = {
    "pareto": "search/pareto.json",
    "training": "supernet/log.json",
    "updates": "supernet/updates.json",
    "shrinking": "supernet/shrinking.json",
    "ranking": "rank/rank.json",
    "check": "data/check.json",
    "retrain/0": "retrain/0/result.json",
    "features": "features/index.json",
}
DRAWN = ("pareto", "training", "ranking")
TRIED = 24
"""Mutations of a file at most, evenly spaced; all of them take minutes."""
WRONG = (None, "x", -1, math.inf, [], {}, [None], True)
UPDATES = {
    "format": "asc-nas/updates/1",
    "steps": 3,
    "blocks": [{"min": 1, "max": 2, "updates": {"t3e1.5w1": 1, "t3e3w1": 2}}],
    "phases": [],
}


@pytest.fixture(autouse=True)
def no_plotly(monkeypatch):
    """Pages without the megabytes of Plotly's script, as there are hundreds of them."""
    monkeypatch.setitem(page.__globals__, "get_plotlyjs", lambda: "")


@pytest.fixture
def a_copy(whole_run, tmp_path):
    """The whole run, to be broken."""
    folder = shutil.copytree(whole_run.folder, tmp_path / "run")
    (folder / FILES["updates"]).write_text(json.dumps(UPDATES))
    return folder


def shown(whole_run, folder, mistakes=0, figures=False):
    """Gather the report and make what it shows, but write nothing."""
    run = RunFolder(whole_run.config, RunPaths(folder))
    report = gather_report(
        run, shown_as=str(folder), check_file=folder / "data/check.json", mistakes=mistakes
    )
    page(report)
    if figures:
        all_figures(report)
    for table in all_tables(report).values():
        table.to_csv()
        table.to_latex()
    return report


def places(value, at=()):
    """Yield the way to every value of a document, of a list to the first item only."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, inner in items:
        yield (*at, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*at, key))


def changed(document, place, change):
    document = copy.deepcopy(document)
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    change(holder, place[-1])
    return document


def mutations(document):
    """Yield what was done to the document, and the outcome."""
    for number, place in enumerate(places(document)):
        yield (*place, "gone"), changed(document, place, lambda holder, key: holder.pop(key))
        for value in (WRONG[number % len(WRONG)], WRONG[(3 * number + 1) % len(WRONG)]):
            put = lambda holder, key, value=value: holder.__setitem__(key, value)  # noqa: E731
            yield (*place, value), changed(document, place, put)


@pytest.mark.parametrize("part", FILES)
def test_an_edited_file_makes_no_traceback(whole_run, a_copy, part):
    file = a_copy / FILES[part]
    document, said = document_of(file), []
    everything = list(mutations(document))
    for how, broken in everything[:: -(-len(everything) // TRIED)]:
        file.write_text(json.dumps(broken))
        try:
            report = shown(whole_run, a_copy, figures=part in DRAWN)
        except Exception as error:
            error.add_note(f"{part}: {how}")
            raise
        said += [text for text in report.missing.values() if str(file.parent) in text]
    assert said
    assert not [text for text in said if "\n" in text or not text.endswith(".")]


@pytest.mark.parametrize("part", FILES)
def test_a_file_that_was_cut_off_is_named_with_what_to_do(whole_run, a_copy, part):
    file = a_copy / FILES[part]
    text = file.read_text()
    for share in (0, 0.3, 0.99):
        file.write_text(text[: int(share * len(text))])
        told = shown(whole_run, a_copy, mistakes=1).missing[part]
        assert told.startswith(f"Left out: {file}: not readable as JSON")
        assert told.endswith(".")


@pytest.mark.parametrize(
    ("part", "place", "remedy"),
    [
        ("ranking", ("networks", 0, "standalone_macro_f1"), "'asc-nas rank' makes it again"),
        ("check", ("findings",), "makes it again"),
        ("training", ("epochs", 0, "loss"), "supernet"),
        ("pareto", ("members", 0, "macs"), "'asc-nas search' makes it again"),
        ("retrain/0", ("labels",), "train the network again"),
        ("shrinking", ("events", 0, "candidates", 0, "score"), "restore it"),
    ],
)
def test_a_missing_key_is_named_with_its_place_and_what_to_do(
    whole_run, a_copy, part, place, remedy
):
    file = a_copy / FILES[part]
    broken = changed(document_of(file), place, lambda holder, key: holder.pop(key))
    file.write_text(json.dumps(broken))
    told = shown(whole_run, a_copy).missing[part]
    assert told.startswith(f"Left out: {file}: not as asc-nas writes it")
    assert ".".join(map(str, place)) in told
    assert remedy in told


def test_other_commands_say_the_same_of_a_damaged_pareto_set_and_shrinking(a_copy):
    for part, read in (("pareto", ParetoSet.read), ("shrinking", read_events)):
        name = FILES[part]
        document = document_of(a_copy / name)
        list(document.values())[-1][0].pop({"pareto": "macs", "shrinking": "candidates"}[part])
        (a_copy / name).write_text(json.dumps(document))
        with pytest.raises(AscNasError, match="not as asc-nas writes it"):
            read(a_copy / name)


def test_a_training_that_diverged_is_no_damage(whole_run, a_copy):
    file = a_copy / FILES["training"]
    log = document_of(file)
    log["epochs"][-1]["loss"] = math.nan
    file.write_text(json.dumps(log))
    report = shown(whole_run, a_copy, figures=True)
    assert "training" not in report.missing
    assert ",null]" in page(report)
