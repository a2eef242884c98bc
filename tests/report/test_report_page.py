"""The report of a run, without a browser: what is in the files, and what is said to be missing."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import soundfile
from edited import document
from gathered import gather, without_scripts

from asc_nas.cli.main import main
from asc_nas.data.manifest import Clip
from asc_nas.evaluation.gain import Adapted, Compared, ComparedRecorder
from asc_nas.report.clips import PEAK, SAMPLE_RATE, SECONDS, audio_ogg
from asc_nas.report.folder import write_report
from asc_nas.report.interactive import pareto_plot
from asc_nas.report.page import page, plots
from asc_nas.report.tables import adapted_table, network_table, search_table
from asc_nas.run.folder import RunFolder
from asc_nas.run.paths import RunPaths
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Objective
from asc_nas.search.pareto import ParetoSet

BY_LOG_LOSS = (Objective(name="log_loss", sense="min"), DEFAULT_OBJECTIVES[1])
BY_ACCURACY = (DEFAULT_OBJECTIVES[1], Objective(name="accuracy", sense="max"))


def report(*arguments):
    with pytest.raises(SystemExit) as done:
        main(["report", *map(str, arguments)])
    return done.value.code


@pytest.fixture(scope="module")
def written(whole_report):
    """The folder of the whole run's report, and its page without scripts."""
    html = (whole_report.folder / "report.html").read_text()
    return whole_report.folder, without_scripts(html)


def test_labels_and_names_cannot_become_markup(written, whole_run):
    html = written[1]
    hostile = whole_run.manifest.labels[1]
    assert hostile not in html
    assert hostile in unescape(html)
    assert "<b>" not in html  # the group of every clip


def test_scripts_are_those_that_the_policy_names_and_nothing_is_fetched(written):
    html = (written[0] / "report.html").read_text()
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1])
    assert "default-src 'none'" in policy
    assert len(re.findall(r"'sha256-[^']+'", policy)) == html.count("<script>") == 2
    assert not re.search(r'(?:src|href)="(?!data:|#)', written[1])


def test_every_network_is_drawn_with_scores_and_commands(written, whole_run):
    html = written[1]
    articles = re.findall(r"<article.*?</article>", html, flags=re.DOTALL)
    assert len(articles) == 5  # four members and a baseline
    assert all("<svg" in article for article in articles)
    first = unescape(articles[0])
    assert "Confusion matrix" in first
    assert "<dt>macro-F1</dt><dd>0.800 (0.400 to 0.800)</dd>" in first  # the second seed
    assert "<dt>Accuracy</dt><dd>0.850 (0.500 to 0.900)</dd>" in first
    assert f"asc-nas train {whole_run.folder} 0" in first
    assert "Not trained from scratch" in articles[1]


def test_plots_hold_every_part(written):
    script = re.search(r'id="plots">(.*?)</script>', written[1])[1]
    plots = json.loads(script)
    assert set(plots) == {"pareto", "training", "search", "ranking"}
    names = [trace["name"] for trace in plots["pareto"]["data"]]
    assert len(names) == 4
    assert plots["pareto"]["data"][1]["customdata"] == [0, 1, 2, 3]
    assert "f3e1.5w1 f3+t3e1.5w1" in plots["pareto"]["data"][1]["text"][1]
    volumes = plots["search"]["data"][0]["y"]
    assert volumes == sorted(volumes)
    assert 0 < volumes[-1] < 1


def test_the_front_is_a_line_only_along_the_one_cost_that_was_traded(whole_run):
    found = gather(whole_run, whole_run.folder, mistakes=0)
    modes = {cost["name"]: cost["mode"][1] for cost in pareto_plot(found)["costs"]}
    assert modes == {"macs": "lines+markers", "params": "markers", "ram_bytes": "markers"}
    third = replace(found, objectives=(*found.objectives, Objective(name="params", sense="min")))
    assert "lines+markers" not in pareto_plot(third)["costs"][0]["mode"]
    other = replace(found, objectives=BY_LOG_LOSS)
    assert pareto_plot(other)["costs"][0]["mode"][1] == "lines+markers"


def test_mistakes_come_with_spectrogram_and_recording(written):
    html = written[1]
    assert re.search(r"(\d) of 6 test clips are wrong", html)
    cards = re.findall(r"<figure><img.*?</figure>", html, flags=re.DOTALL)
    assert cards
    assert all(
        "data:image/png;base64," in card and "data:audio/ogg;base64," in card for card in cards
    )


@pytest.mark.parametrize(
    ("objectives", "best"), [(DEFAULT_OBJECTIVES, "3"), (BY_LOG_LOSS, "0"), (BY_ACCURACY, "0")]
)
def test_the_network_shown_first_is_the_best_by_the_score_that_was_searched_for(
    whole_run, a_copy, objectives, best
):
    run = RunFolder(whole_run.config, RunPaths(a_copy))
    members = ParetoSet.read(run.paths.pareto).members
    whole_run.write_result(run, "3", members[3].genotype, 0)
    found = gather(whole_run, a_copy, objectives)
    assert found.mistakes.network.name == best
    first = re.search(r'data-first="(\d+)"', page(found))[1]
    assert found.networks[int(first)].name == best
    assert found.best.title == f"Best: network {best}"


def test_the_score_that_was_searched_for_is_told_besides_macro_f1(whole_run):
    found = gather(whole_run, whole_run.folder, BY_LOG_LOSS, mistakes=0)
    table = network_table(found)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["Network"] for row in rows] == ["0", "1", "2", "3", "baseline"]  # best first
    assert rows[1]["Search log loss"] == pytest.approx(1.1)
    assert rows[1]["Search macro-F1"] == pytest.approx(0.4)
    assert rows[4]["Search log loss"] is None  # a baseline
    shown = re.findall(r"<article.*?</article>", page(found), flags=re.DOTALL)[1]
    assert "<dt>log loss, supernet, search-val</dt><dd>1.100</dd>" in shown


def test_an_embedded_recording_is_short_and_loud_enough(tmp_path):
    quiet = 0.001 * np.sin(np.arange(8 * 48000) / 10)
    soundfile.write(tmp_path / "long.wav", np.stack([0 * quiet, quiet], 1), 48000)
    wave, rate = soundfile.read(io.BytesIO(audio_ogg(tmp_path / "long.wav", Clip("long.wav", "a"))))
    assert rate == SAMPLE_RATE
    assert len(wave) == SECONDS * SAMPLE_RATE
    assert abs(wave).max() == pytest.approx(PEAK, rel=0.25)


def test_plots_and_tables_for_papers_stand_beside_the_page(written):
    out = written[0]
    for name in ("pareto", "training", "search", "ranking"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    for name in ("networks", "per_class", "search", "ranking"):
        assert "\\bottomrule" in (out / f"{name}.tex").read_text()
    rows = list(csv.DictReader((out / "networks.csv").open()))
    assert [row["Network"] for row in rows] == ["3", "2", "1", "0", "baseline"]
    assert float(rows[3]["Test macro-F1"]) == pytest.approx(0.75)
    assert float(rows[3]["s.d. of macro-F1"]) == pytest.approx(0.1 / 2**0.5)
    assert rows[3]["low"] == ""  # an interval is of one training
    assert (rows[4]["low"], rows[4]["high"]) == ("0.4", "0.8")


def test_the_run_itself_is_not_changed(whole_report):
    assert whole_report.run_after == whole_report.run_before


def test_an_unfinished_run_gets_a_report_that_says_what_is_missing(a_copy, capsys):
    for name in ("data", "features", "supernet", "search", "rank", "retrain"):
        shutil.rmtree(a_copy / name)
    assert report(a_copy) == 0
    html = unescape((a_copy / "report/report.html").read_text())
    for command in ("supernet", "search", "rank"):
        assert f"'asc-nas {command} {a_copy}' makes it" in html
    assert [f.name for f in (a_copy / "report").iterdir()] == ["report.html"]
    assert "pareto: Not there yet" in capsys.readouterr().err


DAMAGED = {
    "pareto": "search/pareto.json",
    "search": "search/history.parquet",
    "training": "supernet/log.json",
    "ranking": "rank/rank.json",
    "shrinking": "supernet/shrinking.json",
    "check": "data/check.json",
    "retrain/0": "retrain/0/result.json",
    "mistakes": "retrain/baseline/model.safetensors",
    "features": "features/index.json",
    "data": "data/manifest.parquet",
}


@pytest.mark.parametrize("part", DAMAGED)
def test_a_damaged_file_is_named_and_the_rest_is_there(whole_run, a_copy, part):
    (a_copy / DAMAGED[part]).write_bytes(b"{}")
    found = gather(whole_run, a_copy, network="baseline")
    assert found.missing[part].startswith("Left out: ")
    assert str((a_copy / DAMAGED[part]).parent) in found.missing[part]
    others = set(found.missing) - {part, "best"}
    assert others <= (
        {"drawings", "features", "mistakes"} if part in ("data", "features") else set()
    )


def test_a_report_is_written_where_everything_is_damaged(whole_run, a_copy):
    for name in DAMAGED.values():
        (a_copy / name).write_bytes(b"{}")
    write_report(gather(whole_run, a_copy), a_copy / "report")
    assert (a_copy / "report/report.html").read_text().count("Left out: ") >= 6


def test_adapted_networks_are_a_table_per_device_and_nothing_without_them(
    whole_run, a_copy, monkeypatch
):
    monkeypatch.setitem(page.__globals__, "get_plotlyjs", lambda: "")
    assert 'id="adapted"' not in page(gather(whole_run, a_copy))
    assert not (a_copy / "adapted").exists()
    heard = {"clips": 3, "general": 0.25, "general_interval": (0.125, 0.5)}
    Adapted(
        network="baseline",
        genotype="t3e1.5w1 f3e1.5w1",
        seed=0,
        data="made up",
        adapted_to=["<i>a"],
        without_clips=[],
        total=Compared(**heard, adapted=0.75, adapted_interval=(0.625, 0.875)),
        recorders=[
            ComparedRecorder(**heard, recorder="", seen=None),
            ComparedRecorder(**heard, recorder="<i>a", seen=True, adapted=0.75),
        ],
    ).write(a_copy / "adapted/baseline.json")
    found = gather(whole_run, a_copy)
    html = without_scripts(page(found))
    assert "<h2>Recording devices</h2>" in html
    assert "<i>a" not in html
    assert adapted_table(found.adapted).rows == (
        ("baseline", "0", "unknown", "", 3, 0.25, 0.125, 0.5, None, None, None),
        ("baseline", "0", "<i>a", "seen", 3, 0.25, 0.125, 0.5, 0.75, None, None),
        ("baseline", "0", "all", "", 3, 0.25, 0.125, 0.5, 0.75, 0.625, 0.875),
    )
    written = {path.name for path in write_report(found, a_copy / "report")}
    assert {"adapted.csv", "adapted.tex"} <= written
    (a_copy / "adapted/baseline.json").write_text("{}")
    damaged = gather(whole_run, a_copy)
    assert damaged.missing["adapted"].startswith("Left out: ")
    assert "Recording devices: Left out" in unescape(page(damaged))


def test_a_result_of_another_network_is_left_out(whole_run, a_copy):
    result = document(a_copy / "retrain/0/result.json")
    result["genotype"] = "t3e3w1 t3e3w1"
    (a_copy / "retrain/0/result.json").write_text(json.dumps(result))
    found = gather(whole_run, a_copy)
    assert "another network" in found.missing["retrain/0"]
    assert [r.seed for r in found.networks[0].results] == [1]


def test_an_unfinished_supernet_shows_what_it_logged(whole_run, a_copy):
    (a_copy / "supernet/log.json").unlink()
    event = {"format": "asc-nas/event/1", "time": "", "step": "supernet", "epoch": 1}
    lines = [json.dumps(event | {"epoch": n, "values": {"loss": 2.0 / n}}) for n in (1, 2)]
    (a_copy / "events.jsonl").write_text("\n".join(lines) + "\n")
    assert gather(whole_run, a_copy).curves["supernet, so far"] == [2.0, 1.0]


def test_without_the_recordings_there_is_no_player_and_the_report_says_so(whole_run):
    moved = whole_run.audio.rename(whole_run.audio.with_name("moved"))
    try:
        found = gather(whole_run, whole_run.folder)
    finally:
        moved.rename(whole_run.audio)
    html = without_scripts(page(found))
    assert "data:image/png" in html
    assert "<audio" not in html
    assert "No player: " in html


def test_an_untrained_network_has_no_mistakes_to_show(whole_run, tmp_path, capsys):
    assert report(whole_run.folder, "--out", tmp_path, "--network", "3") == 2
    assert "trained are 0, baseline" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert report(tmp_path) == 2
    assert "not a run directory" in capsys.readouterr().err


def test_ram_is_shown_of_every_network_and_may_be_unknown(whole_run, tmp_path):
    found = gather(whole_run, whole_run.folder, mistakes=0)
    table = network_table(found)
    place = table.columns.index("RAM, bytes")
    assert [row[place] for row in table.rows] == [network.ram_bytes for network in found.ranked]
    assert all(network.ram_bytes for network in found.networks)
    old = replace(found, networks=tuple(replace(n, ram_bytes=None) for n in found.networks))
    assert "RAM, bytes" not in network_table(old).columns
    assert "ram_bytes" not in [cost["name"] for cost in pareto_plot(old)["costs"]]


def test_what_has_nothing_to_show_is_one_line_at_the_end(whole_run, a_copy):
    for name in ("rank", "search"):
        shutil.rmtree(a_copy / name)
    html = page(gather(whole_run, a_copy))
    assert 'href="#ranking"' not in html
    assert 'id="ranking"' not in html
    assert "<summary>Not shown: Search, Pareto set, Best network, Ranking</summary>" in html
    assert "Ranking: Not there yet: 'asc-nas rank" in unescape(html)
    assert "Search macro-F1" not in html  # nothing is known of it without a search


def test_confusions_have_the_labels_over_the_columns_and_along_the_rows(written, whole_run):
    table = re.search(r'<table class="confusion">(.*?)</table>', written[1], flags=re.DOTALL)[1]
    head, body = table.split("</thead>")
    names = list(whole_run.manifest.labels)
    assert [unescape(name) for name in re.findall(r"<span>(.*?)</span>", head)] == names
    assert [unescape(name) for name in re.findall(r"<span>(.*?)</span>", body)] == names


@pytest.mark.parametrize(
    ("objectives", "name"), [(BY_LOG_LOSS, "log loss"), (BY_ACCURACY, "accuracy")]
)
def test_the_score_that_was_searched_for_is_shown_throughout(whole_run, objectives, name):
    found = gather(whole_run, whole_run.folder, objectives, mistakes=0)
    drawn = plots(found)
    assert drawn["pareto"]["layout"]["yaxis"]["title"]["text"].startswith(name)
    assert [trace["name"] for trace in drawn["search"]["data"]][1:] == [
        f"best {name} of the generation",
        f"median {name}",
    ]
    scores = [getattr(row, found.score) for row in found.candidates]
    assert found.generations[0].best == pytest.approx(
        min(scores[:2]) if name == "log loss" else max(scores[:2])
    )
    assert network_table(found).columns[1] == f"Search {name}"
    assert f"Test {name}" in network_table(found).columns
    assert f"Best {name}" in search_table(found).columns
    assert f"{name} on test" in page(found)
