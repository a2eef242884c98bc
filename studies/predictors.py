"""What would predict trainings before they are made, held against trainings.

python studies/predictors.py RUN [--batches 4]

RUN is a run that was ranked (`asc-nas rank`), or a search by trainings. Its networks are measured
before their training (`asc_nas.search.training_free`), with the weights that they begin with.
Kendall's tau with their score says, over all costs and at equal cost: how well each measure orders
them alone, and how well the surrogate orders pairs that it has not seen, with each measure as a
further feature. Where the run was ranked, the score with the supernet's weights is one of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from progress import say
from steering import HEADING, SCORES, row_of

from asc_nas.core.randomness import stream
from asc_nas.run.parts import split_of
from asc_nas.run.run import Run
from asc_nas.search.history import read_generations
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.ranking import Ranking
from asc_nas.search.training_free import MEASURES, Batch
from asc_nas.search.verdict import Predicted, expected, predictor
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace
from asc_nas.training.network_trainer import new_network

NOT_KNOWN = float("nan")


def trained(run: Run) -> tuple[list[Evaluation], list[Evaluation]]:
    """Return networks with their scores alone, and with the supernet's weights if it was ranked."""
    if not run.paths.rank.exists():
        generations = read_generations(run.paths.history)
        judged = {e.genotype: e for generation in generations for e in generation}
        return list(judged.values()), []
    alone, shared = [], []
    for network in Ranking.read(run.paths.rank).networks:
        genotype = Genotype.parse(network.genotype)
        own = Evaluation(
            genotype,
            network.standalone_macro_f1,
            NOT_KNOWN,
            network.standalone_log_loss,
            network.macs,
            network.params,
        )
        alone.append(own)
        shared.append(replace(own, macro_f1=network.macro_f1, log_loss=network.log_loss))
    return alone, shared


def measured(run: Run, genotype: Genotype, batches: int) -> dict[str, float]:
    """Return every measure of a network with its first weights, on batches of training clips."""
    examples, _ = split_of(run, run.config.search.folds, run.frontend(genotype))[0]
    network = new_network(run.spec(genotype), 0)
    norm = network.input_norm
    norm.set_statistics(*examples.mel_statistics(norm.level))
    drawn = examples.batches(run.config.rank.batch_size, stream(0, "measures"))
    data: list[Batch] = [examples.batch(next(drawn)) for _ in range(batches)]
    return {name: measure(network, data) for name, measure in MEASURES.items()}


def table(
    space: SearchSpace, alone: list[Evaluation], found: dict[str, list[float]], score: Objective
) -> None:
    """Print the tau of every measure, alone and as a further feature of the surrogate."""
    sign = 1.0 if score.sense == "max" else -1.0
    macs = [float(e.macs) for e in alone]
    truth = [sign * getattr(e, score.name) for e in alone]
    place = {e.genotype: i for i, e in enumerate(alone)}

    def surrogate(*names: str) -> Predicted:
        def further(genotypes: Sequence[Genotype]) -> list[list[float]]:
            return [[found[name][place[genotype]] for name in names] for genotype in genotypes]

        return expected(space, alone, score, further)

    costs = {"MACs": macs, "parameters": [float(e.params) for e in alone]}
    steers = {name: Predicted.of(values) for name, values in (costs | found).items()}
    steers["surrogate, left out"] = surrogate()
    steers |= {f"... with {name}": surrogate(name) for name in found}
    if len(found) > 1:
        steers["... with all"] = surrogate(*found)
    for name, guess in steers.items():
        agrees = predictor(guess, truth, macs, stream(0, "predictors", name, score.name))
        print(row_of(name, score, agrees))


def main(run: Path, batches: Annotated[int, typer.Option(min=2)] = 4) -> None:
    torch.set_num_threads(1)
    own = Run.open(run)
    alone, shared = trained(own)
    rows = []
    for number, evaluation in enumerate(alone, 1):
        rows.append(measured(own, evaluation.genotype, batches))
        say(number, len(alone), "networks measured")
    found = {name: [row[name] for row in rows] for name in MEASURES}
    macs = [e.macs for e in alone]
    print(f"{len(alone)} networks of {min(macs) / 1e6:.2f} to {max(macs) / 1e6:.2f} M MACs; tau")
    print("with their trainings (95 % interval)")
    print(HEADING)
    for score in SCORES:
        sign = 1.0 if score.sense == "max" else -1.0
        of_supernet = {"supernet": [sign * getattr(e, score.name) for e in shared]}
        table(own.config.search_space(), alone, found | (of_supernet if shared else {}), score)


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
