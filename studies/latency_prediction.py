"""Latency predicted from a table of layers against measured latency; MACs are the peer.

python studies/latency_prediction.py [configs/esc10.yaml] [--networks 30] [--set KEY=VALUE]

Measures every layer of the config's search space with onnxruntime on this machine (one thread), and
then random networks of the space, exported with random weights by the exporter that ships models;
none of them is among those that the table was fitted on. The peer is what a search without a table
goes by: MACs, scaled to the whole networks of the table. No recordings are needed. Let nothing else
run.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import asc_nas
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.run.latency import CheckedNetworks
from asc_nas.space.genotype import Genotype


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, nargs="?", default=Path("configs/esc10.yaml"))
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        run = asc_nas.Run.open(arguments.config, None, arguments.settings, folder)
        labels = tuple(f"label{i}" for i in range(arguments.labels))
        clips = tuple(Clip(path=label, label=label, group=label) for label in labels)
        Manifest("none", Path(folder), labels, clips).write(run.paths.manifest)
        start = time.monotonic()
        table = run.measure_latency()
        checked = run.check_latency(table, arguments.networks)
        seconds = time.monotonic() - start

    file = table.measured
    macs = [run.cost(Genotype.parse(network.genotype)).macs for network in file.networks]
    ms_per_mac = np.mean([network.ms / m for network, m in zip(file.networks, macs, strict=True)])
    by_macs = (replace(network, predicted=ms_per_mac * network.macs) for network in checked)
    measured = [network.measured for network in checked]
    print(
        f"\n{file.device.name}, onnxruntime {file.onnxruntime}, {len(file.layers)} layers and "
        f"{len(file.networks)} networks (scale {table.scale:.3f}), all in {seconds:.0f} s"
    )
    print(f"{len(checked)} networks of {min(measured):.3f} to {max(measured):.3f} ms")
    print("predictor      Spearman  mean absolute error  largest")
    for name, networks in (("latency table", checked), ("MACs, scaled", CheckedNetworks(by_macs))):
        correlation, error = networks.agreement()
        largest = max(abs(network.predicted / network.measured - 1) for network in networks)
        print(f"{name:13s}  {correlation:8.3f}  {error:18.1%}  {largest:7.1%}")


if __name__ == "__main__":
    main()
