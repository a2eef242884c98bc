"""Several searches on the same data: what each found, as trained from scratch and tested.

python studies/compare_fronts.py RUN RUN ... [--seeds 0 1]

The runs are finished (`asc-nas run`), share data and front end, and may differ in space, sampler,
schedule and objectives. For every run: the size of its space, of what shrinking left, and its
Pareto members and baselines that were trained with all the seeds (`asc-nas train`): mean accuracy
and macro-F1 on test, MACs, parameters, latency. At the end, per run, the hypervolume of its
retrained members in one box for all (macro-F1 against MACs; nadir: 0 and the dearest here).
"""

import argparse
from math import log10
from pathlib import Path

import numpy as np

from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network, read_pareto
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Evaluation
from asc_nas.search.pareto import hypervolume
from asc_nas.space.genotype import Genotype


def trained(run, name, seeds):
    """Return the results of a network with all seeds, or none if one is missing."""
    network = find_network(run, name)
    results = [network.folder(run, seed).result() for seed in seeds]
    return results if all(results) else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()

    rows, fronts = [], {}
    for run in map(RunFolder.open, arguments.runs):
        members, run_name = read_pareto(run), str(run.paths.root)  # folds share a last name
        latency = {str(member.genotype): member.latency_ms for member in members}
        space, left = run.config.search_space(), run.remaining_space()
        size = f"10^{log10(space.count):.1f}"
        if left.count < space.count:
            size += f", shrunk to 10^{log10(left.count):.1f}"
        print(f"{run_name}: {size} genotypes, {len(members)} Pareto members")
        names = [str(i) for i in range(len(members))]
        for name in (*names, *run.config.baselines):
            results = trained(run, name, arguments.seeds)
            if not results:
                continue
            scores = ("accuracy", "macro_f1")
            mean = {score: np.mean([getattr(r, score) for r in results]) for score in scores}
            genotype = results[0].genotype
            rows.append((run_name, name, mean, results, latency.get(genotype), genotype))
            if name in names:
                fronts.setdefault(run_name, []).append(
                    Evaluation(
                        Genotype.parse(genotype),
                        mean["macro_f1"],
                        mean["accuracy"],
                        0.0,
                        results[0].macs,
                        results[0].params,
                    )
                )
    print(f"\nrun  network  accuracy  macro-F1 (seeds {arguments.seeds})  MACs  parameters  ms")
    for run, name, mean, results, latency_ms, genotype in rows:
        spread = " ".join(f"{r.macro_f1:.3f}" for r in results)
        macs, params = results[0].macs, results[0].params
        print(
            f"{run:14s} {name:9s} {mean['accuracy']:.3f} {mean['macro_f1']:.3f} ({spread}) "
            f"{macs / 1e6:6.2f} M {params:7,d} {latency_ms or float('nan'):6.3f}  {genotype}"
        )
    dearest = max(results[0].macs for _, _, _, results, _, _ in rows)
    ideal, nadir = {"macro_f1": 1.0, "macs": 0.0}, {"macro_f1": 0.0, "macs": float(dearest)}
    print("\nhypervolume of the retrained members, best macro-F1, networks")
    for run, members in fronts.items():
        volume = hypervolume(members, DEFAULT_OBJECTIVES, ideal, nadir)
        best = max(member.macro_f1 for member in members)
        print(f"{run:14s} {volume:.4f}  {best:.3f}  {len(members)}")


if __name__ == "__main__":
    main()
