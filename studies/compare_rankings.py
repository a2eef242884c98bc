"""Several supernets against the same stand-alone trainings: which setting ranks best.

python studies/compare_rankings.py GROUP=RUN,RUN... [GROUP=RUN...]

The runs were ranked (`asc-nas rank --like ... --standalone ...`) on the same architectures; runs of
a group differ in the supernet's seed, or in the split. For every group, the mean over its runs of
Kendall's tau between the supernet's score (recalibrated) and stand-alone training: macro-F1 with
macro-F1, log loss with macro-F1, log loss with log loss, the last also without recalibration. With
several runs also the range, and the tau of the scores averaged over the runs: over seeds, an
ensemble of supernets as the judge; over splits, both sides judged on more recordings. Cost alone
comes last, against the first group's mean.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from asc_nas.search.ranking import Ranking

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
        for predictor, truth, sign in COLUMNS.values():
            each = [tau(column(rows, predictor), column(rows, truth), sign) for rows in ranked]
            mean_scores, wanted = mean(ranked, predictor), mean(ranked, truth)
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


if __name__ == "__main__":
    main()
