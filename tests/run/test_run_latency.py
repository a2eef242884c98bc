"""The latency table of a run: where it comes from, and how well predictions agree."""

from dataclasses import replace

import pytest

from asc_nas.core.errors import UsageError
from asc_nas.core.files import write_json
from asc_nas.cost.latency import LatencyTable
from asc_nas.run.latency import (
    CheckedNetwork,
    CheckedNetworks,
    ensure_latency,
    random_genotypes,
    unseen_genotypes,
)
from asc_nas.run.paths import RunPaths
from asc_nas.space.genotype import Genotype

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tiny_run):
    return tiny_run.measure_latency()


def elsewhere(tiny_run, folder, source):
    """Return the run with an empty place for its table, which is to come from `source`."""
    (folder / "data").mkdir(parents=True)
    manifest = RunPaths(folder).manifest
    manifest.write_bytes(tiny_run.paths.manifest.read_bytes())
    config = tiny_run.config.model_copy(update={"latency": str(source)})
    return replace(tiny_run, config=config, paths=RunPaths(folder))


def test_a_table_measured_here_predicts_every_network_of_the_space(tiny_run, table):
    run = tiny_run
    for genotype in random_genotypes(run, 20, "test"):
        assert table.predict(run.spec(genotype)) > 0
    assert not (tiny_run.paths.latency.parent / "kit").exists()
    before = tiny_run.paths.latency.stat().st_mtime_ns
    tiny_run.measure_latency()
    assert tiny_run.paths.latency.stat().st_mtime_ns == before


def test_a_table_of_another_device_is_copied_and_gives_costs_a_latency(tiny_run, table, tmp_path):
    run = elsewhere(tiny_run, tmp_path / "run", tiny_run.paths.latency)
    genotype = random_genotypes(run, 1, "test")[0]
    assert run.cost(genotype).latency_ms is None
    ensure_latency(run)
    assert run.cost(genotype).latency_ms == table.predict(run.spec(genotype))
    assert LatencyTable.read(run.paths.latency).measured == table.measured


def test_a_table_that_lacks_a_layer_is_refused_before_it_is_copied(tiny_run, table, tmp_path):
    document = table.measured.model_dump(mode="json")
    document["layers"] = dict(list(document["layers"].items())[1:])
    write_json(tmp_path / "less.json", document)
    run = elsewhere(tiny_run, tmp_path / "run", tmp_path / "less.json")
    with pytest.raises(UsageError):
        ensure_latency(run)
    assert not run.paths.latency.exists()


def test_genotypes_are_distinct_and_all_of_them_where_there_are_few(tiny_run):
    run, count = tiny_run, tiny_run.config.search_space().count
    drawn = random_genotypes(run, 10**6, "test")
    assert len(set(drawn)) == len(drawn) == count
    assert random_genotypes(run, 5, "test") == drawn[:5]
    seen = [str(genotype) for genotype in drawn[: count - 2]]
    left = unseen_genotypes(run, 10, seen)
    assert {str(genotype) for genotype in left} == {str(genotype) for genotype in drawn[-2:]}


def test_agreement_is_rank_correlation_and_mean_relative_error():
    genotype = Genotype.parse("t3e1w1")
    rows = [(1.0, 1.25), (2.0, 2.0), (4.0, 3.2)]
    checked = CheckedNetworks(CheckedNetwork(genotype, 1, *row) for row in rows)
    correlation, error = checked.agreement()
    assert correlation == pytest.approx(1.0)
    assert error == pytest.approx((0.2 + 0.0 + 0.25) / 3)
    assert checked.to_frame()["predicted"].tolist() == [1.0, 2.0, 4.0]
