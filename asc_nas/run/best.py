"""What a run says of its best network, from the files of the run alone."""

from collections.abc import Iterator, Sequence

from asc_nas.core.errors import command
from asc_nas.core.units import amount, kilobytes, millions, milliseconds
from asc_nas.evaluation.result import Result
from asc_nas.evaluation.scores import told_of_clips
from asc_nas.report.best import BestNetwork, ExportedFile, Fact
from asc_nas.run.exported import exported_files
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import BEST
from asc_nas.run.paired import on_test
from asc_nas.search.objectives import SCORES, Evaluation, leading_score
from asc_nas.space.genotype import Genotype


def best_network(
    run: RunFolder, result: Result, member: Evaluation | None, hand_made: Sequence[Result] = ()
) -> BestNetwork:
    """Return what ``asc-nas run`` prints at its end and what the report opens with.

    Parameters
    ----------
    result : its test, with the run's own seed
    member : its scores in the search; None if it is the only network of a run without one
    hand_made : tests of the networks that it is held against, with the same seed
    """
    score = leading_score(run.config.search.objectives).name
    if member is None:
        name, title, why = result.network, f"Network {result.network}", "hand: no search was made"
    else:
        name, title = BEST, f"Best: network {result.network}"
        judged = f"{SCORES[score]} {getattr(member, score):.3f}"
        searched = run.config.search.strategy.searches
        chooser = "the search" if searched else "search-val, of hand-made networks"
        why = f"{chooser} ({judged}); the test had no part in it"
    files = exported_files(run.paths.models, f"{run.config.name}-{name}")
    facts = (
        Fact("chosen by", why),
        *_scores(result, score),
        *_against(run, result, hand_made),
        *_costs(result),
        *_limits(run, Genotype.parse(result.genotype)),
    )
    argument = name if member else _argument(run, result)
    commands = tuple(_commands(run, argument, files))
    return BestNetwork(title, result.network, facts, files, commands)


def _scores(result: Result, score: str) -> Iterator[Fact]:
    """Yield the accuracy on test, and the score that was searched for, if it is another."""
    clips = told_of_clips(result.test_clips, result.test_clips_left_out)
    for name in dict.fromkeys(["accuracy", score]):
        value = f"{getattr(result, name):.3f}"
        within = result.interval(name)
        first = name == "accuracy"
        if within is not None and result.intervals is not None:
            low, high = within
            of = f"; {clips} of {result.intervals.groups} groups" if first else ""
            value += f" (95 % interval {low:.3f} to {high:.3f}{of})"
        elif first:
            value += f" on {clips}"
            value += " of one group: no interval" if result.has_intervals else ""
        yield Fact(SCORES[name], value)


def _against(run: RunFolder, result: Result, hand_made: Sequence[Result]) -> Iterator[Fact]:
    """Yield how much more accurate it is than each hand-made network, clip by clip."""
    for other in hand_made:
        found = on_test(run, ("this network", other.network), result, other)
        if found is None or other.genotype == result.genotype:
            continue
        within = "no interval"
        if found.interval is not None:
            low, high = found.interval
            within = f"95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
        value = f"{100 * found.accuracy:+.1f} points of accuracy ({within}): {found.told}"
        yield Fact(
            f"against {other.network}", f"{value}; {other.network} has {millions(other.macs)} MACs"
        )


def _costs(result: Result) -> Iterator[Fact]:
    floats, integers = (kilobytes(result.params * size) for size in (4, 1))
    yield Fact("parameters", f"{floats} in float, {integers} in int8")
    if result.ram_bytes is not None:
        yield Fact("RAM", f"{kilobytes(result.ram_bytes)} in int8, front end included")
    yield Fact("MACs", millions(result.macs))
    if result.latency_ms is not None:
        yield Fact("latency", milliseconds(result.latency_ms))


def _limits(run: RunFolder, genotype: Genotype) -> Iterator[Fact]:
    limits = run.config.search.limits
    used = limits.used(run.cost(genotype))
    for name, bound in limits.bounds.items():
        met = used[name] <= bound
        value = f"{'met' if met else 'NOT met'}: {amount(used[name])} of {amount(bound)}"
        yield Fact(f"limit {name}", value, met)


def _commands(run: RunFolder, argument: str, files: tuple[ExportedFile, ...]) -> Iterator[str]:
    """Yield what to do next."""
    root, paths = run.paths.root, [file.path for file in files]
    models = [path for path in paths if path.endswith(".onnx")]
    if models:
        yield command("classify", "FILE", "--model", models[0])
    else:
        yield command("export", root, argument)
    yield command("report", root)
    kit = next((path for path in paths if path.endswith("-c")), None)
    yield command("verify", kit) if kit else command("export", root, argument, "--target", "c")


def _argument(run: RunFolder, result: Result) -> str:
    """Return what ``asc-nas export`` takes for a network that was not searched."""
    return result.network if result.network in run.config.baselines else result.genotype
