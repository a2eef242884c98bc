"""``asc-nas evaluate``: score a trained network or an exported model of a run, or a result file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_nas.core.errors import AscNasError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from asc_nas.data.examples import Examples
    from asc_nas.data.feature_store import FeatureStore
    from asc_nas.data.manifest import Manifest
    from asc_nas.evaluation.parts import EvaluationReport
    from asc_nas.run.opening import OpenRun

    Posteriors = Callable[[Examples], NDArray[Any]]
    """From examples to the posteriors of their clips, (clips, classes)."""

ROLES = ("test", "search_val")


def evaluate(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Directory of a run.", show_default=False)
    ] = None,
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help="A network as for 'asc-nas train'; or an exported model of the run, NAME.onnx "
            "(float or int8), scored as it answers in 'asc-nas classify'.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of a trained network [default: the run's].")
    ] = None,
    role: Annotated[str, typer.Option(help="Clips to score: test or search_val.")] = "test",
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Score all clips of this manifest, not the run's own."),
    ] = None,
    dcase: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the challenge's result file.")
    ] = None,
    dcase_format: Annotated[
        str | None,
        typer.Option(
            help="labels or probabilities [default: what the dataset's challenge asks for]."
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Score this result file, without a run.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ground truth of --results: a list or a manifest."),
    ] = None,
    seen: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="A device that was in training (with --results)."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all scores as JSON.")
    ] = None,
) -> None:
    """Score clips: accuracy, macro-F1 and log loss with 95 % intervals, per class, per device.

    Examples: asc-nas evaluate runs/tau 3 --dcase output.csv

    asc-nas evaluate runs/tau runs/tau/models/tau-best-int8.onnx

    asc-nas evaluate runs/task5 3 --manifest task5_evaluation.parquet --dcase output.txt

    asc-nas evaluate --results output.csv --truth fold1_evaluate.csv
    """
    from asc_nas.cli.output.network_tables import print_evaluation

    if role not in ROLES:
        raise UsageError(f"--role is '{role}'; the clips to score are test or search_val.")
    if run is not None and network is not None and results is truth is None and not seen:
        about, evaluation = _of_run(run, network, seed, role, manifest, dcase, dcase_format)
    elif run is network is seed is manifest is dcase is dcase_format is None and results and truth:
        about, evaluation = _of_file(results, truth, role, seen)
    else:
        raise UsageError(
            "give a run and one of its networks or models ('asc-nas evaluate RUN NETWORK', perhaps "
            "with --seed, --manifest and --dcase), or --results FILE with --truth FILE (perhaps "
            "with --seen)."
        )
    print_evaluation(about, evaluation)
    if json is not None:
        from asc_nas.core.files import write_json

        write_json(json, {"format": "asc-nas/evaluation/1", **about, **evaluation.to_json()})


def _of_run(
    folder: Path,
    text: str,
    seed: int | None,
    role: str,
    manifest_file: Path | None,
    dcase: Path | None,
    dcase_format: str | None,
) -> "tuple[dict[str, Any], EvaluationReport]":
    """Evaluate a network or a model of a run; write the result file if `dcase` names one."""
    from asc_nas.data.examples import Examples
    from asc_nas.evaluation.parts import evaluate_clips
    from asc_nas.evaluation.scores import Decisions
    from asc_nas.run.opening import open_run
    from data_prep.results.dcase_results import FORMATS, result_format, write_results

    if dcase_format is not None and dcase_format not in FORMATS:
        raise UsageError(f"--dcase-format is '{dcase_format}'; it can be {' or '.join(FORMATS)}.")
    run = open_run(folder)
    about, posteriors_of = (_exported if _is_model(text) else _trained)(run, text, seed)
    manifest, store = _clips_to_score(run, manifest_file, role)
    examples = Examples.load(manifest, store, (role,))
    if not examples.num_clips:
        raise AscNasError(f"{run.paths.manifest}: there are no clips with the role '{role}'.")
    posteriors = posteriors_of(examples)
    about |= {"role": role, "scored": manifest.name}
    by_key = {clip.key: clip for clip in manifest.clips}
    clips = [by_key[key] for key in examples.clip_keys]
    trained_on = about["trained_on"] or ()
    seen = {
        clip.device for trained in trained_on for clip in run.context.manifest.with_role(trained)
    } - {""}
    if role in trained_on and manifest_file is None:
        typer.echo(
            f"note: this network was trained on {' and '.join(trained_on)}: the scores "
            "below are not of unseen clips.",
            err=True,
        )
    if about["trained_on"] is None:
        typer.echo(
            f"note: {text} was trained on other clips or splits than the run's: it may have "
            "heard clips that are scored below.",
            err=True,
        )
    for clip in manifest.with_role(role):
        if clip.key in store.failed:
            typer.echo(f"left out: {clip.key}: {store.failed[clip.key]}", err=True)
    evaluation = evaluate_clips(
        Decisions.of_posteriors(posteriors, examples.clip_targets, manifest.labels),
        [clip.group or clip.key for clip in clips],
        [clip.device for clip in clips],
        seen or None,
    )
    if dcase is not None:
        form = dcase_format or result_format(manifest.name)
        write_results(dcase, examples.clip_keys, posteriors, manifest.labels, form)
        typer.echo(f"{len(clips)} clips ({form}) -> {dcase}")
    return about, evaluation


def _clips_to_score(
    run: "OpenRun", manifest_file: Path | None, role: str
) -> "tuple[Manifest, FeatureStore]":
    """Return the run's clips, or all clips of another manifest under `role`, and their features."""
    from dataclasses import replace

    from asc_nas.cli.output.progress import progress
    from asc_nas.core.locks import taking_turns
    from asc_nas.data.manifest import Manifest
    from data_prep.extraction import extract

    if manifest_file is None:
        return run.context.manifest, run.context.store
    manifest = Manifest.read(manifest_file)
    if manifest.labels != run.context.manifest.labels:
        raise UsageError(
            f"{manifest_file}: its labels ({', '.join(manifest.labels)}) are not the run's "
            f"({', '.join(run.context.manifest.labels)})."
        )
    manifest = manifest.with_clips([replace(clip, role=role) for clip in manifest.clips])
    folder = run.paths.root / "evaluate" / manifest_file.stem
    turns = taking_turns(folder, lambda text: typer.echo(text, err=True))
    with turns, progress("Features") as report:
        store = extract(
            manifest,
            run.config.frontend,
            folder,
            workers=run.config.data.workers,
            skip_unreadable=run.config.data.skip_unreadable,
            progress=lambda done, total: report(done, total, "clips"),
        )
    return manifest, store


def _is_model(text: str) -> bool:
    return Path(text).suffix == ".onnx"


def _exported(run: "OpenRun", text: str, seed: int | None) -> "tuple[dict[str, Any], Posteriors]":
    """Return what an exported model is, and what gives its posteriors."""
    from asc_nas.run.exported_model import (
        describe_exported,
        exported_posteriors,
        load_exported,
    )

    if seed is not None:
        raise UsageError(
            f"--seed is of a trained network; {text} is an exported one: leave it out."
        )
    model, context = Path(text), run.context
    classifier = load_exported(context, model)
    about = describe_exported(context, model, classifier.card)
    return about, lambda examples: exported_posteriors(classifier, examples)


def _trained(run: "OpenRun", text: str, seed: int | None) -> "tuple[dict[str, Any], Posteriors]":
    """Return what a trained network is, and what gives its posteriors."""
    from asc_nas.run.networks import find_network, network_folder
    from asc_nas.run.results import read_result
    from asc_nas.training import checkpoint
    from asc_nas.training.network_trainer import new_network
    from asc_nas.training.trainer import posteriors

    context = run.context
    network = find_network(context, text)
    used_seed = run.config.seed if seed is None else seed
    folder = network_folder(context, network, used_seed)
    if not (folder / "result.json").exists():
        raise AscNasError(
            f"{folder}: not trained yet; run 'asc-nas train {run.paths.root} {network.name}"
            f"{'' if seed is None else f' --seed {seed}'}'."
        )
    result = read_result(folder)
    if result["genotype"] != str(network.genotype):
        raise AscNasError(f"{folder}: holds another network ({result['genotype']}).")
    module = new_network(context.spec(network.genotype), used_seed)
    checkpoint.load(folder / "model.safetensors", module)
    about = {"network": network.name}
    about |= {key: result[key] for key in ("genotype", "seed", "data", "trained_on")}
    return about, lambda examples: examples.clip_posteriors(posteriors(module, examples).numpy())


def _of_file(
    results: Path, truth: Path, role: str, seen: list[str] | None
) -> "tuple[dict[str, Any], EvaluationReport]":
    """Evaluate a result file against a ground truth."""
    from asc_nas.evaluation.parts import evaluate_clips
    from data_prep.results.dcase_results import compare, read_results
    from data_prep.results.ground_truth import read_truth

    known = read_truth(truth, role)
    decisions = compare(read_results(results), known)
    heard = frozenset(seen) if seen else known.seen
    evaluation = evaluate_clips(decisions, known.groups, known.devices, heard)
    return {"results": str(results), "truth": str(truth)}, evaluation
