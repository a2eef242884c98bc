"""Several supernets against the same stand-alone trainings: which setting ranks best.

python studies/compare_rankings.py GROUP=RUN,RUN... [GROUP=RUN...]

The runs were ranked (`asc-nas rank --like ... --standalone ...`) on the same architectures; runs of
a group differ in the supernet's seed, or in the split. For every group, the mean over its runs of
Kendall's tau between the supernet's score (recalibrated) and stand-alone training: macro-F1 with
macro-F1, log loss with macro-F1, log loss with log loss, the last also without recalibration. With
several runs also the range, and the tau of the scores averaged over the runs: over seeds, an
ensemble of supernets as the judge; over splits, both sides judged on more recordings. Cost alone
comes last, against the first group's mean. Then, by log loss and with 95 % intervals, every run
with its trainings over all and at equal cost, and the runs of a group with the first of them.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau
from steering import HEADING, row_of

from asc_nas.core.randomness import stream
from asc_nas.search.objectives import Objective
from asc_nas.search.ranking import Ranking
from asc_nas.search.verdict import Predicted, predictor

LOG_LOSS = Objective(name="log_loss", sense="min")

COLUMNS = {
    "F1 / F1": ("macro_f1", "standalone_macro_f1", 1),
    "log loss / F1": ("log_loss", "standalone_macro_f1", -1),
    "log loss / log loss": ("log_loss", "standalone_log_loss", 1),
    "... as trained": ("log_loss_as_trained", "standalone_log_loss", 1),
}


def networks(run):
    return Ranking.read(Path(run) / "rank/rank.json").networks


def column(rows, name):
    return np.array([getattr(row, name) for row in rows])


def mean(ranked, name):
    return np.mean([column(rows, name) for rows in ranked], axis=0)


def tau(scores, truth, sign):
    return kendalltau(sign * scores, truth).statistic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="+", metavar="GROUP=RUN,RUN")
    texts = dict(text.split("=", 1) for text in parser.parse_args().groups)
    groups = {group: [networks(run) for run in runs.split(",")] for group, runs in texts.items()}

    print(f"{'supernets':<24}" + "".join(f"{name:>28}" for name in COLUMNS))
    for group, ranked in groups.items():
        cells = []
        for score, truth, sign in COLUMNS.values():
            each = [tau(column(rows, score), column(rows, truth), sign) for rows in ranked]
            mean_scores, wanted = mean(ranked, score), mean(ranked, truth)
            text = f"{np.mean(each):.3f}"
            if len(each) > 1:
                text += f" ({min(each):.2f}-{max(each):.2f}) {tau(mean_scores, wanted, sign):.3f}"
            cells.append(f"{text:>28}")
        print(f"{group + ' x' + str(len(ranked)):<24}" + "".join(cells))
    ranked = next(iter(groups.values()))
    for cost in ("macs", "params"):
        f1 = tau(column(ranked[0], cost), mean(ranked, "standalone_macro_f1"), 1)
        log_loss = tau(column(ranked[0], cost), mean(ranked, "standalone_log_loss"), -1)
        print(f"{cost:<24}{f1:>28.3f}{'':>28}{log_loss:>28.3f}")

    print(HEADING)
    for group, ranked in groups.items():
        scores = [(-column(rows, "log_loss")).tolist() for rows in ranked]
        for number, (rows, own) in enumerate(zip(ranked, scores, strict=True)):
            macs = column(rows, "macs").tolist()
            against = {"trainings": (-column(rows, "standalone_log_loss")).tolist()}
            if number:
                against["the first"] = scores[0]
            for name, truth in against.items():
                agrees = predictor(Predicted.of(own), truth, macs, stream(0, group, number, name))
                print(row_of(f"{group} {number}, {name}", LOG_LOSS, agrees))


if __name__ == "__main__":
    main()
