"""What a DCASE Task 1 participant hands in: every figure against an independent source."""

import re

import pytest
import yaml

from asc_nas.cost.counts import count
from asc_nas.run.dcase_report import TODO
from asc_nas.space.genotype import Genotype

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reported(tiny_run, tmp_path_factory):
    file = tmp_path_factory.mktemp("dcase") / "task1.meta.yaml"
    models = tiny_run.export("baseline", targets=["int8"], dcase_report=file)
    return models, file.read_text(encoding="utf-8")


def test_complexity_is_that_of_the_card_and_macs_are_counted_as_the_challenge_does(
    tiny_run, reported
):
    (float_model, int8), text = reported
    complexity = yaml.safe_load(text)["system"]["complexity"]
    assert complexity["total_parameters"] == float_model.card.params
    cost = tiny_run.cost(Genotype.parse(int8.card.genotype))
    assert int8.card.ram_bytes == float_model.card.ram_bytes == cost.ram_bytes
    assert float_model.card.float_ram_bytes > cost.ram_bytes
    assert complexity["memory_use"] == int8.card.params  # a byte each
    spec = tiny_run.spec(Genotype.parse(int8.card.genotype))
    assert complexity["macs"] == count(spec, tiny_run.config.frontend).nessi_macs


def test_the_layers_of_the_table_add_up_to_its_total(reported):
    _, text = reported
    rows = re.findall(r"^# (\S+) +([\d,]+) +([\d,]+) +([\d,]+)$", text, re.M)
    numbers = [[int(cell.replace(",", "")) for cell in row[1:]] for row in rows]
    assert rows[-1][0] == "total"
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    assert numbers[-1][0] == reported[0][0].card.params


def test_scores_by_class_weigh_up_to_the_overall_accuracy_and_unknowns_are_to_do(
    tiny_run, reported
):
    (_, int8), text = reported
    results = yaml.safe_load(text)["results"]["development_dataset"]
    clips = tiny_run.manifest.with_role("test")
    counts = {label: sum(clip.label == label for clip in clips) for label in int8.card.labels}
    weighed = sum(
        scores["accuracy"] * counts[label] for label, scores in results["class_wise"].items()
    )
    assert weighed / len(clips) == pytest.approx(results["overall"]["accuracy"], abs=0.05)
    assert results["overall"]["accuracy"] == pytest.approx(
        100 * int8.card.results["accuracy"], abs=0.01
    )
    assert yaml.safe_load(text)["submission"]["authors"][0]["lastname"] == TODO
