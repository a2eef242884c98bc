"""Latency predicted from a table of layers against measured latency; MACs are the peer.

python studies/latency_prediction.py [configs/esc10.yaml] [--networks 30] [--set KEY=VALUE]
python studies/latency_prediction.py [configs/esc10.yaml] --chip cortex-m4

Measures every layer of the config's search space with onnxruntime on this machine (one thread), and
then random networks of the space, exported with random weights by the exporter that ships models;
none of them is among those that the table was fitted on. The peer is what a search without a table
goes by: MACs, scaled to the whole networks of the table. No recordings are needed. Let nothing else
run. With --chip, instructions of the C code are counted on an emulated chip, whatever else runs.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import asc_nas
from asc_nas.cost.latency import LatencyTable
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.export.firmware.latency_kit import count_latency, write_c_kit
from asc_nas.export.firmware.toolchain import CHIPS
from asc_nas.run.latency import (
    KIT_NETWORKS,
    CheckedNetwork,
    CheckedNetworks,
    random_genotypes,
    space_layers,
)
from asc_nas.space.genotype import Genotype


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, nargs="?", default=Path("configs/esc10.yaml"))
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--chip", choices=[name for name, chip in CHIPS.items() if chip.board])
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        run = asc_nas.Run.open(arguments.config, None, arguments.settings, folder)
        labels = tuple(f"label{i}" for i in range(arguments.labels))
        clips = tuple(Clip(path=label, label=label, group=label) for label in labels)
        Manifest("none", Path(folder), labels, clips).write(run.paths.manifest)
        start = time.monotonic()
        if arguments.chip:
            table, checked = counted(run, arguments.networks, arguments.chip)
        else:
            table = run.measure_latency()
            checked = run.check_latency(table, arguments.networks)
        seconds = time.monotonic() - start

    file = table.measured
    macs = [run.cost(Genotype.parse(network.genotype)).macs for network in file.networks]
    ms_per_mac = np.mean([network.ms / m for network, m in zip(file.networks, macs, strict=True)])
    by_macs = (replace(network, predicted=ms_per_mac * network.macs) for network in checked)
    measured = [network.measured for network in checked]
    print(
        f"\n{file.device.name}, {file.runtime}, {len(file.layers)} layers and "
        f"{len(file.networks)} networks (scale {table.scale:.3f}), all in {seconds:.0f} s"
    )
    print(f"{len(checked)} networks of {min(measured):.3f} to {max(measured):.3f} ms")
    print("predictor      Spearman  mean absolute error  largest")
    for name, networks in (("latency table", checked), ("MACs, scaled", CheckedNetworks(by_macs))):
        correlation, error = networks.agreement()
        largest = max(abs(network.predicted / network.measured - 1) for network in networks)
        print(f"{name:13s}  {correlation:8.3f}  {error:18.1%}  {largest:7.1%}")


def counted(run: asc_nas.Run, networks: int, chip: str) -> tuple[LatencyTable, CheckedNetworks]:
    """Count all in one kit; the table is fitted on its first networks, the others are checked."""
    genotypes = random_genotypes(run, KIT_NETWORKS + networks, "kit")
    with tempfile.TemporaryDirectory() as folder:
        specs = {str(genotype): run.spec(genotype) for genotype in genotypes}
        write_c_kit(Path(folder), run.config.name, space_layers(run), specs)
        measured = count_latency(Path(folder), chip, mhz=100).measured
    seen, others = measured.networks[:KIT_NETWORKS], measured.networks[KIT_NETWORKS:]
    table = LatencyTable(measured.model_copy(update={"networks": seen}))
    checked = (
        CheckedNetwork(genotype, run.cost(genotype).macs, table.predict(run.spec(genotype)), n.ms)
        for genotype, n in zip(genotypes[KIT_NETWORKS:], others, strict=True)
    )
    return table, CheckedNetworks(checked)


if __name__ == "__main__":
    main()
