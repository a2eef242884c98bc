"""How hard the synthetic set is: a linear classifier on mean log-mel against a small network.

python studies/synthetic_difficulty.py [--config configs/demo.yaml] [--out runs/difficulty]

For each of the four folds: train on the other three, test on it. The network is the config's
hand-made baseline with the config's training settings; both decide a clip by the mean posterior of
its four channels.
"""

from pathlib import Path

import numpy as np
import typer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import asc_nas
from asc_nas.evaluation.scores import score


def linear_macro_f1(train, test, *, deviation):
    def describe(examples):
        x = np.asarray(examples.features[examples.rows], dtype=np.float32)
        return np.concatenate([x.mean(2), x.std(2)], 1) if deviation else x.mean(2)

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(describe(train), train.targets)
    posteriors = test.clip_posteriors(model.predict_proba(describe(test)))
    return score(posteriors, test.clip_targets, test.labels).macro_f1


def main(config: Path = Path("configs/demo.yaml"), out: Path = Path("runs/difficulty")) -> None:
    rows = []
    for fold in (1, 2, 3, 4):
        settings = {"data.test_folds": [fold]}
        run = asc_nas.Run.open(config, settings=settings, out=out / f"fold{fold}")
        (result,) = run.train("baseline", seeds=[0])
        train, test = run.examples("train", "search_val"), run.examples("test")
        linear = [linear_macro_f1(train, test, deviation=d) for d in (False, True)]
        rows.append((*linear, result.macro_f1))
    print("macro-F1   linear (mean)  linear (mean, deviation)  network")
    for fold, row in enumerate(rows, start=1):
        print(f"fold {fold}     {row[0]:13.3f}  {row[1]:24.3f}  {row[2]:7.3f}")
    mean = np.mean(rows, 0)
    print(f"mean       {mean[0]:13.3f}  {mean[1]:24.3f}  {mean[2]:7.3f}")


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
