"""Latency predicted from a table of layers against measured latency; MACs are the peer.

python studies/latency_prediction.py [configs/esc10.yaml] [--networks 30] [--set KEY=VALUE]

Measures every layer of the config's search space with onnxruntime on this machine (one thread), and
in the same passes random networks of the space, exported with random weights by the exporter that
ships models; none of them is among those that the table was fitted on. The peer is what a search
without a table goes by: MACs, scaled to the whole networks of the table. No recordings are needed.
Let nothing else run.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from asc_nas.run.latency_check import agreement, export_random, unseen_genotypes

from asc_nas.cli.output.progress import progress
from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.core.files import read_json, write_json
from asc_nas.cost.latency import LatencyFile, LatencyTable
from asc_nas.cost.layers import layers_of
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.export.latency_kit import FORMAT as KIT_FORMAT
from asc_nas.export.latency_measure import measure
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.latency import latency_kit
from asc_nas.run.paths import RunPaths
from asc_nas.space.genotype import Genotype


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, nargs="?", default=Path("configs/esc10.yaml"))
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    values = apply_overrides(read_yaml(arguments.config), arguments.settings)
    config = RunConfig.parse(values, str(arguments.config))

    with tempfile.TemporaryDirectory() as folder:
        context = RunFolder(config, RunPaths(Path(folder)))
        labels = tuple(f"label{i}" for i in range(arguments.labels))
        clips = tuple(Clip(path=label, label=label, group=label) for label in labels)
        Manifest("none", Path(folder), labels, clips).write(context.paths.manifest)
        kit = Path(folder) / "kit"
        latency_kit(context, kit)
        content = read_json(kit / "kit.json", KIT_FORMAT)
        fitted = len(content["networks"])
        seen = [network["genotype"] for network in content["networks"]]
        genotypes = unseen_genotypes(context, arguments.networks, seen)
        with progress("Export") as report:
            for i, genotype in enumerate(genotypes):
                file = f"networks/check{i}.onnx"
                export_random(context, genotype, kit / file)
                keys = [layer.key for layer in layers_of(context.spec(genotype))]
                entry = {"genotype": str(genotype), "layers": keys, "file": file}
                content["networks"].append(entry)
                report(i + 1, len(genotypes), "")
        write_json(kit / "kit.json", content)
        start = time.monotonic()
        with progress("Measure") as report:
            document = measure(kit, report=report)
        seconds = time.monotonic() - start
        checked = document["networks"][fitted:]
        document["networks"] = document["networks"][:fitted]
        table = LatencyTable(LatencyFile.parse(document, "benchmark"))

        def macs_of(networks: list) -> np.ndarray:
            return np.array([context.cost(Genotype.parse(n["genotype"])).macs for n in networks])

        ms_per_mac = np.mean(
            np.array([n["ms"] for n in document["networks"]]) / macs_of(document["networks"])
        )
        scaled_macs = ms_per_mac * macs_of(checked)
        predicted = np.array([table.predict(context.spec(genotype)) for genotype in genotypes])
        measured = np.array([network["ms"] for network in checked])

    file = table.measured
    print(
        f"\n{file.device.name}, onnxruntime {file.onnxruntime}, {len(file.layers)} layers and "
        f"{len(file.networks)} networks (scale {table.scale:.3f}), all in {seconds:.0f} s"
    )
    print(f"{len(checked)} networks of {measured.min():.3f} to {measured.max():.3f} ms")
    print("predictor      Spearman  mean absolute error  largest")
    for name, values in (("latency table", predicted), ("MACs, scaled", scaled_macs)):
        correlation, error = agreement(values, measured)
        largest = np.abs(values / measured - 1).max()
        print(f"{name:13s}  {correlation:8.3f}  {error:18.1%}  {largest:7.1%}")


if __name__ == "__main__":
    main()
