"""The model to ship: trained on the clips of all folds, with the scores of the cross-validation.

No clip is left to test it on, so its card tells how networks of the same genotype and recipe did on
the folds that each had not seen. With several seeds the model is a committee, and so is what was
tested in every fold.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.progress import SILENT, Listener, Progress, unheard
from asc_nas.data.examples import Examples
from asc_nas.evaluation.result import Result
from asc_nas.export.quantize import CLIPS, quantize_onnx
from asc_nas.export.targets import ExportedModel, spread
from asc_nas.export.targets.int8 import write_int8, write_int8_card
from asc_nas.run.calibration import Calibrated, clip_logits
from asc_nas.run.config import NAME
from asc_nas.run.crossval import folds_of
from asc_nas.run.crossval_summary import SCORES, Row, row_of, summary
from asc_nas.run.export import export_network, source_of, write_model
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job
from asc_nas.run.jobs import spread as spread_jobs
from asc_nas.run.network_folder import TWIN, NetworkFolder, load_together
from asc_nas.run.networks import NamedNetwork, find_network
from asc_nas.run.opening import fetched_run
from asc_nas.run.preparation import share_features
from asc_nas.run.teachers import taught_recipe
from asc_nas.run.training import Training
from asc_nas.runtime.card import CardData
from asc_nas.training.network_trainer import score_network
from data_prep.splits import assign_training_roles


@dataclass(frozen=True)
class Shipping:
    """A network that was cross-validated, and the seeds that are shipped.

    Attributes
    ----------
    run : RunFolder
        Of all clips, none of which is for the test.
    folds : dict
        The runs of the cross-validation, by fold.
    """

    run: RunFolder
    folds: Mapping[str, RunFolder]
    network: NamedNetwork
    seeds: tuple[int, ...]

    def train(self) -> None:
        """Train the network with every seed on all clips, and twins for calibration.

        Several seeds are trained in `retrain.workers` processes side by side. Finished ones are
        kept, unfinished ones go on.
        """
        trainings = [Training(self.network, seed) for seed in self.seeds]
        title = f"Training {self.network.name} on all folds"
        with self.run.listener.stage(title) as progress:
            if len(trainings) == 1:
                train_final(self.run, trainings[0], progress)
                return
            jobs = [Job.of(self.run, train_final, training) for training in trainings]
            spread_jobs(self.run, jobs, self.run.config.retrain.workers, progress)

    def scores(self) -> dict[str, Any]:
        """Return the scores over all folds, for the card.

        ``accuracy``, ``macro_f1``, ``log_loss`` and ``per_class`` are means, ``cross_validation``
        has the spread (over folds and seeds; of committees over folds), the means by fold and the
        seeds.
        """
        rows: list[Row] = []
        per_class: list[Mapping[str, float | None]] = []
        for fold, run in self.folds.items():
            results = trained(run, self.network)
            if len(self.seeds) > 1:
                results = [self._together(run, results[0])]
            rows += [row_of(result, fold, self.network.name) for result in results]
            per_class += [result.per_class for result in results]
        (told,) = (entry.to_json() for entry in summary(rows))
        one_by_one = sorted({row.seed for row in rows})
        return {
            **{score: told[score]["mean"] for score in SCORES},
            "per_class": _mean_by_key(per_class),
            "cross_validation": {
                "folds": told["folds"],
                "std": {score: told[score]["std"] for score in SCORES},
                "seeds": one_by_one if len(self.seeds) == 1 else list(self.seeds),
            },
        }

    def _together(self, run: RunFolder, first: Result) -> Result:
        """Return the result of the committee in a fold."""
        scores = asdict(score_network(load_together(self._folders(run)), self._heard(run, "test")))
        costs = {key: len(self.seeds) * getattr(first, key) for key in ("macs", "params")}
        return first.model_copy(update=scores | costs)

    def _heard(self, run: RunFolder, role: str) -> Examples:
        """Return the examples of a role as the network hears them."""
        return run.examples(role, frontend=run.frontend(self.network.genotype))

    def _folders(self, run: RunFolder) -> list[NetworkFolder]:
        return [self.network.folder(run, seed) for seed in self.seeds]

    def export(
        self, name: str, results: dict[str, Any], source: str = "", licence: str = ""
    ) -> ExportedModel:
        """Write what `train` has made, with its card.

        Parameters
        ----------
        results : as `scores` gives them
        source : who made the recordings and where they were published
        licence : that of the recordings; of both, empty is what the config says
        """
        manifest, held_out = self.run.manifest, self._heard(self.run, "search_val")
        twin = load_together(self._folders(self.run), TWIN)
        folds = tuple(sorted({clip.fold for clip in manifest.clips} - {""}))
        data = CardData(
            name=manifest.name,
            licence=licence or self.run.licence,
            source=source or self.run.config.data.source,
            train_folds=folds,
            test_folds=folds,
            train_clips=len(self.run.readable("train")),
            search_val_clips=held_out.num_clips,
            test_clips=0,
        )
        calibration = {"fitted_on": "search_val, twin", "clips": held_out.num_clips}
        calibrated = Calibrated.fit(clip_logits(twin, held_out))
        results = results | {"calibration": calibration}
        return write_model(
            self._folders(self.run),
            name,
            compared_on=held_out,
            results=results,
            calibrated=calibrated,
            data=data,
        )

    def quantize(self, model: ExportedModel) -> ExportedModel:
        """Write ``NAME-int8.onnx`` beside `model`, with the scores of the folds' int8 networks."""
        cards = [write_int8(source_of(run, self._in_fold(run))).card for run in self.folds.values()]
        made = [card.quantization for card in cards if card.quantization is not None]
        target = model.file.with_name(f"{model.card.name}-int8.onnx")
        clips = spread(self._heard(self.run, "train"), CLIPS)
        quantize_onnx(model.file, clips, target)
        results: dict[str, Any] = {key: mean(c.results[key] for c in cards) for key in SCORES}
        results["per_class"] = _mean_by_key([card.results["per_class"] for card in cards])
        results["cross_validation"] = {"seeds": list(self.seeds)}
        comparison = {
            "float_results": {key: mean(q.float_results[key] for q in made) for key in SCORES},
            "agreement": mean(q.agreement for q in made),
            "agreement_per_class": _mean_by_key([q.agreement_per_class for q in made]),
        }
        card = write_int8_card(model.card, model.file, target, clips, results, comparison)
        return ExportedModel(target, card)

    def _in_fold(self, run: RunFolder) -> ExportedModel:
        """Export what was trained in a fold of the cross-validation."""
        return export_network(self._folders(run))


def train_final(run: RunFolder, training: Training, progress: Progress = unheard) -> None:
    """Train a network on all clips of the run, and its twin without search-val."""
    folder = training.network.folder(run, training.seed)
    if not folder.is_done():
        folder.ensure(taught_recipe(run, ("train", "search_val"), progress), progress)
    if not folder.is_done(TWIN):
        folder.ensure(taught_recipe(run, ("train",), progress, step=""), progress, TWIN)


def trained(run: RunFolder, network: NamedNetwork) -> list[Result]:
    """Return the results of all seeds with which `network` was trained in a fold.

    Raises
    ------
    AscNasError
        If it was not trained there.
    """
    network.folder(run, run.config.seed).require_result()  # says what to do if it is missing
    return network.results(run)


def common_seeds(folds: Mapping[str, RunFolder], network: NamedNetwork) -> tuple[int, ...]:
    """Return the seeds with which `network` was trained in every fold.

    Raises
    ------
    AscNasError
        If it was not trained in a fold, or with one seed only.
    """
    by_fold = [{result.seed for result in trained(run, network)} for run in folds.values()]
    seeds = sorted(set.intersection(*by_fold))
    if len(seeds) < 2:
        raise AscNasError(
            f"{network.name}: trained with one seed only, and a committee needs several; run "
            "'asc-nas crossval' again with --seed 0 --seed 1 --seed 2."
        )
    return tuple(seeds)


def _mean_by_key(tables: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the mean of each key over the tables that know it; None if none does."""
    means: dict[str, float | None] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        known = [value for table in tables if (value := table.get(key)) is not None]
        means[key] = mean(known) if known else None
    return means


def ship(
    crossval: Path | str,
    network: str,
    *,
    name: str | None = None,
    source: str = "",
    licence: str = "",
    together: bool = False,
    int8: bool = False,
    listener: Listener = SILENT,
    device: str | None = None,
    executor: str | None = None,
    address: str | None = None,
) -> list[ExportedModel]:
    """Train a cross-validated network on the clips of all folds and export it; return the models.

    Everything is in ``CROSSVAL/all``.

    Parameters
    ----------
    crossval : directory of a cross-validation, or its URL
    network : a network that was cross-validated: a baseline or a genotype
    name : of the model; by default the config's
    source : who made the recordings and where they are, for the card
    licence : that of the recordings; of both, empty is what the config says
    together : ship the networks of all seeds as a committee
    int8 : write ``NAME-int8.onnx`` too
    listener, device, executor, address : see `RunFolder.open`

    Raises
    ------
    UsageError
        If `crossval` is no cross-validation, or there is no such network or device.
    AscNasError
        If the network was not trained in every fold.
    """
    if name is not None and not re.fullmatch(NAME, name):
        raise UsageError(f"--name {name}: use letters, digits and . _ + - only.")
    mirror = fetched_run(crossval, listener)
    place = Path(crossval) if mirror is None else mirror.folder
    folds = folds_of(place, device)
    whole = RunFolder.open(place, listener=listener, device=device)
    whole.mirror = mirror
    for fold in folds.values():
        share_features(whole, fold)  # a working copy of a URL has no links yet
    run = RunFolder.open(
        place,
        out=place / "all",
        listener=listener,
        device=device,
        executor=executor,
        address=address,
    )
    chosen = find_network(run, network)
    seeds = common_seeds(folds, chosen) if together else (whole.config.seed,)
    shipping = Shipping(run, folds, chosen, seeds)
    results = shipping.scores()
    run.first = assign_training_roles(whole.manifest, run.config.data, whole.config.seed)
    with whole.lock(), run.lock():
        share_features(whole, run)
        shipping.train()
        models = [shipping.export(name or whole.config.name, results, source, licence)]
        if int8:
            models.append(shipping.quantize(models[0]))
    return models
