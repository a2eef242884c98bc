"""``asc-nas evaluate``: score a trained network or an exported model of a run, or a result file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_nas.cli.options import DeviceOption, open_run
from asc_nas.core.errors import UsageError

if TYPE_CHECKING:
    from asc_nas.evaluation.parts import ScoreReport


def evaluate(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Directory or URL of a run.", show_default=False),
    ] = None,
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help="A network as for 'asc-nas train', or an adapted one, as best@a; or an exported "
            "model of the run, NAME.onnx (float or int8), scored as it answers in 'asc-nas "
            "classify'.",
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
    device: DeviceOption = None,
) -> None:
    """Score clips: accuracy, macro-F1 and log loss with 95 % intervals, per class, per device.

    Examples: asc-nas evaluate runs/tau 3 --dcase output.csv

    asc-nas evaluate runs/tau runs/tau/models/tau-best-int8.onnx

    asc-nas evaluate runs/task5 3 --manifest task5_evaluation.parquet --dcase output.txt

    asc-nas evaluate --results output.csv --truth fold1_evaluate.csv
    """
    from asc_nas.cli.output.network_tables import print_scores
    from asc_nas.run.scoring import SCORED_ROLES, Scored
    from data_prep.results.dcase_results import FORMATS

    if role not in SCORED_ROLES:
        raise UsageError(f"--role is '{role}'; the clips to score are test or search_val.")
    if dcase_format is not None and dcase_format not in FORMATS:
        raise UsageError(f"--dcase-format is '{dcase_format}'; it can be {' or '.join(FORMATS)}.")
    if run is not None and network is not None and results is truth is None and not seen:
        scored = open_run(run, device=device).evaluate(
            network,
            seed=seed,
            role=role,
            manifest_file=manifest,
            dcase=dcase,
            dcase_format=dcase_format,
        )
    elif run is network is seed is manifest is dcase is dcase_format is None and results and truth:
        scored = Scored(*_of_file(results, truth, role, seen))
    else:
        raise UsageError(
            "give a run and one of its networks or models ('asc-nas evaluate RUN NETWORK', perhaps "
            "with --seed, --manifest and --dcase), or --results FILE with --truth FILE (perhaps "
            "with --seen)."
        )
    print_scores(scored.about, scored.evaluation)
    if json is not None:
        from asc_nas.core.files import write_json

        write_json(json, scored.to_json())


def _of_file(
    results: Path, truth: Path, role: str, seen: list[str] | None
) -> "tuple[dict[str, Any], ScoreReport]":
    """Evaluate a result file against a ground truth."""
    from asc_nas.evaluation.parts import score_clips
    from data_prep.results.dcase_results import compare, read_results
    from data_prep.results.ground_truth import read_truth

    known = read_truth(truth, role)
    decisions = compare(read_results(results), known)
    heard = frozenset(seen) if seen else known.seen
    evaluation = score_clips(decisions, known.groups, known.devices, heard)
    return {"results": str(results), "truth": str(truth)}, evaluation
