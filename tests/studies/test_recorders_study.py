"""A set of several recording devices: who records what, what a device does, and the comparison."""

import csv
from pathlib import Path

import numpy as np
import pytest
import recorders
import soundfile

RATE = recorders.RATE


def rng():
    return np.random.default_rng(0)


def rows(folder, groups=40):
    """Write noise, two clips of each group, half of the groups in the fold 2, and their list."""
    folder.mkdir()
    table = folder / "list.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "fold", "group"))
        for group in range(groups):
            for take in range(2):
                path = f"{group}-{take}.wav"
                soundfile.write(folder / path, 0.1 * rng().standard_normal(800), RATE)
                writer.writerow((path, "ab"[take], 1 + group % 2, f"g{group}"))
    return table


@pytest.mark.parametrize("device", ["b", "s1", "s6"])
def test_a_device_changes_each_frequency_by_its_response(device):
    frequencies = np.fft.rfftfreq(4096, 1 / RATE)
    response = recorders.response_db(device, 0, frequencies)
    wave = (0.1 * rng().standard_normal(10 * RATE)).astype(np.float32)
    changed = recorders.recorded(wave, device, 0, rng())
    powers = [
        np.mean(np.abs(np.fft.rfft(part.reshape(-1, 4096) * np.hanning(4096))) ** 2, axis=0)
        for part in (wave[: 39 * 4096], changed[: 39 * 4096])
    ]
    found = 10 * np.log10(powers[1] / powers[0])
    heard = (frequencies > 400) & (frequencies < 7500)
    heard &= response > response.max() - 15  # above the noise of the device
    smooth = np.convolve(found - response, np.ones(32) / 32, "same")
    assert np.abs(smooth[heard]).max() < 1.5
    assert np.ptp(response[frequencies > 100]) > 6


def test_devices_differ_and_a_is_the_recording_itself():
    frequencies = np.linspace(100, 7000, 50)
    curves = [recorders.response_db(d, 0, frequencies) for d in recorders.PARTS["all"]]
    assert np.array_equal(curves[0], np.zeros(50))
    pairs = [(i, j) for i in range(9) for j in range(i)]
    assert all(np.abs(curves[i] - curves[j]).max() > 1 for i, j in pairs)
    wave = rng().standard_normal(100).astype(np.float32)
    assert recorders.recorded(wave, "a", 0, rng()) is wave


def test_groups_have_one_device_and_the_test_has_all(tmp_path):
    listed = recorders.make(rows(tmp_path / "set"), tmp_path / "out", "2", 0)
    with listed.open(newline="") as file:
        made = list(csv.DictReader(file))
    trained = [row for row in made if row["fold"] == "1"]
    assert len(trained) == 40
    by_group = {}
    for row in trained:
        by_group.setdefault(row["group"], set()).add(row["device"])
        assert not {row["device"]} & set(recorders.UNKNOWN)
    assert {len(devices) for devices in by_group.values()} == {1}
    assert len(set().union(*by_group.values())) > 3
    tested = [row for row in made if row["fold"] == "2"]
    assert len(tested) == 40 * 9
    for group in {row["group"] for row in tested}:
        devices = sorted(row["device"] for row in tested if row["group"] == group)
        assert devices == sorted(2 * recorders.PARTS["all"])
    wave, rate = soundfile.read(listed.parent / made[0]["path"])
    assert (len(wave), rate) == (800, RATE)


def test_networks_are_held_against_the_first_on_the_same_recordings(tmp_path, monkeypatch):
    listed = recorders.make(rows(tmp_path / "set", 4), tmp_path / "out", "2", 0)
    with listed.open(newline="") as file:
        tested = [row for row in csv.DictReader(file) if row["fold"] == "2"]
    # The second knows what unknown devices record, and nothing else; the first half of all.
    known = {
        "FIRST": {row["path"]: 0.5 for row in tested},
        "SECOND": {row["path"]: float(row["device"] in recorders.UNKNOWN) for row in tested},
    }
    found = {("2", 0): None, ("2", 1): None}
    monkeypatch.setattr(recorders, "rows_of", lambda name: (Path(name), found))
    monkeypatch.setattr(recorders, "hits", lambda place, rows, fold, seeds: known[place.name])
    lines = recorders.compare(listed, ["FIRST", "SECOND"])
    assert lines[2] == "| FIRST | 0.500 | 0.500 | 0.500 | 0.500 |"
    cells = [cell.strip() for cell in lines[3].strip("|").split("|")]
    assert cells[1] == "0.000 (-50.0, -50.0 to -50.0)"
    assert cells[3] == "1.000 (+50.0, +50.0 to +50.0)"
    assert cells[4].startswith("0.333 (-16.7,")
    assert lines[-1] == "fold 2, seeds 0, 1"
