import os

import pytest
from fault_cases import SMALL, Faults, Server, Steps
from fault_table import table, write_results
from tiny import write_config

from data_prep.synthetic import Plan, generate

RESULTS = os.environ.get("ASC_NAS_FAULTS_JSON")
TRIED = []


@pytest.fixture(scope="session")
def server():
    started = Server()
    yield started
    started.close()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


@pytest.fixture(scope="session")
def steps(server, recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("steps")
    data = {"folder": str(recordings), "workers": 1}
    return Steps(server, folder, write_config(folder / "tiny.yaml", **SMALL, data=data))


@pytest.fixture
def faults(record_property):
    counted = Faults(record_property)
    yield counted
    assert not counted.not_survived, "\n".join(counted.not_survived)


def pytest_runtest_logreport(report):
    if report.when == "teardown":
        test = report.nodeid.partition("::")[0]
        TRIED.extend({"test": test} | fault for _, fault in report.user_properties)


def pytest_terminal_summary(terminalreporter):
    if TRIED:
        terminalreporter.section("faults")
        for row in table(TRIED):
            kind, count, survived, *lost, _ = row
            told = f"{count:5} tried, {survived:5} survived"
            told += f"; {lost[0]} s of work lost (median), {lost[1]} s (most)" if lost[0] else ""
            terminalreporter.write_line(f"{kind:<40}{told}")
    if TRIED and RESULTS:
        write_results(TRIED, RESULTS)
