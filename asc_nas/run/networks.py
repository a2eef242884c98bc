"""The networks of a run by the names that people give them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import fingerprint
from asc_nas.core.rows import Rows
from asc_nas.evaluation.result import Result
from asc_nas.run.beginning import require_heard
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.search.config import SearchConfig
from asc_nas.search.history import read_history
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.pareto import ParetoSet, choose, preferred
from asc_nas.space.genotype import Genotype

BEST = "best"
"""The name of the network that the run prefers."""
AT = "@"
"""Between the name of a network and the recording device that it was adapted to."""


@dataclass(frozen=True)
class NamedNetwork:
    """A network of a run.

    Attributes
    ----------
    name : str
        Under ``retrain/``.
    genotype : Genotype
    called : str
        What it was asked for by, in the name of its model; empty: its name.
    """

    name: str
    genotype: Genotype
    called: str = ""

    @property
    def argument(self) -> str:
        """What ``asc-nas train`` takes for it: its name, or the genotype where that has none."""
        return str(self.genotype) if self.name == _name_of(self.genotype) else self.name

    def folder(self, run: RunFolder, seed: int) -> NetworkFolder:
        """Return ``retrain/NAME``, or ``retrain/NAME-seedN`` for a seed other than the config's."""
        suffix = "" if seed == run.config.seed else f"-seed{seed}"
        path = run.paths.retrain(self.name + suffix)
        return NetworkFolder(run, path, self.genotype, seed, self.argument)

    def results(self, run: RunFolder) -> list[Result]:
        """Return the results of all seeds with which it was trained and tested."""
        own = re.compile(re.escape(self.name) + r"(-seed\d+)?")
        files = sorted(run.paths.retrain("").glob("*/result.json"))
        results = [Result.read(file) for file in files if own.fullmatch(file.parent.name)]
        return [result for result in results if result.is_of(self.genotype)]

    def committee(self, run: RunFolder) -> list[NetworkFolder]:
        """Return the folders of all seeds with which it was trained.

        Raises
        ------
        AscNasError
            If there are fewer than two.
        """
        seeds = sorted({result.seed for result in self.results(run)})
        if len(seeds) < 2:
            told = f"seed {seeds[0]} only" if seeds else "no seed"
            other = next(seed for seed in range(2) if seed not in seeds)
            raise AscNasError(
                f"{self.name}: trained with {told}, and a committee needs several; run "
                f"'{self.folder(run, other).trained_by()}'."
            )
        return [self.folder(run, seed) for seed in seeds]


def find_network(run: RunFolder, text: str) -> NamedNetwork:
    """Return the network that `text` names: a Pareto member's id, `BEST`, a baseline, a genotype.

    Raises
    ------
    UsageError
        If it is none of these, or the run makes no features of what it hears.
    """
    found = _named(run, text)
    require_heard(run.config, run.frontend(found.genotype), str(found.genotype))
    return found


def _named(run: RunFolder, text: str) -> NamedNetwork:
    config = run.config
    if AT in text:
        raise UsageError(
            f"'{text}' is a network that was adapted to a recording device; 'asc-nas adapt' makes "
            "those; 'asc-nas evaluate', 'asc-nas export' and 'asc-nas submit' take them. Here give "
            f"its general one, '{text.partition(AT)[0]}'."
        )
    if text in config.baselines:
        return NamedNetwork(text, config.fixed_genotype(text))
    if text == BEST:
        members = read_pareto(run)
        best = preferred_member(members, config.retrain.members)
        return NamedNetwork(str(best), members[best].genotype, BEST)
    if text.isdigit():
        members = read_pareto(run)
        if int(text) >= len(members):
            raise UsageError(f"no Pareto member {text}; the ids are 0 to {len(members) - 1}.")
        return NamedNetwork(text, members[int(text)].genotype)
    if re.fullmatch(r"[a-z_][\w-]*", text) and not re.search(r"\d+e\d", text) and text != "skip":
        names = list(config.baselines)
        raise UsageError(
            f"no network '{text}'.{closest(text, [BEST, *names])} Give a Pareto member's id, "
            f"'{BEST}', a baseline "
            f"({', '.join(names) or 'this config has none'}) or a genotype."
        )
    genotype = Genotype.parse(text)
    return NamedNetwork(_name_of(genotype), genotype)


def _name_of(genotype: Genotype) -> str:
    return f"g{fingerprint(str(genotype))[:8]}"


class Pareto(Rows[Evaluation]):
    """The members of a Pareto set; the position of one is its id.

    Attributes
    ----------
    objectives : tuple of Objective
        What they trade; `asc_nas.search.objectives.leading_score` says which score is preferred.
    judge : str
        What gave the scores, see `search.judge`.
    folds : int
        On how many parts of the clips, see `search.folds`.
    """

    objectives: tuple[Objective, ...]
    judge: str
    folds: int

    @classmethod
    def of(cls, members: Iterable[Evaluation], config: SearchConfig) -> "Pareto":
        """Return the set of members that a search with these settings found."""
        pareto = cls(members)
        pareto.objectives = config.objectives
        pareto.judge, pareto.folds = config.judge, config.folds
        return pareto


def read_pareto(run: RunFolder) -> Pareto:
    """Return the members of ``search/pareto.json`` in its order.

    Raises
    ------
    AscNasError
        If there is none yet.
    """
    paths = run.paths
    if not paths.pareto.exists():
        raise AscNasError(f"{paths.root}: no Pareto set yet; run 'asc-nas search' first.")
    members = ParetoSet.read(paths.pareto).members
    known = {str(e.genotype): e for e in read_history(paths.history, run.evaluation_scope())}
    try:
        return Pareto.of((known[member.genotype] for member in members), run.config.search)
    except KeyError as error:
        raise AscNasError(
            f"{paths.pareto}: does not belong to this run's search history; delete it and "
            "run 'asc-nas search' again."
        ) from error


def preferred_member(members: Pareto, count: int) -> int:
    """Return the id of the preferred one of the `count` members that a run trains.

    The scores of the search decide, so that the test has no part in it.
    """
    chosen = choose(members, members.objectives, count)
    return chosen[preferred([members[i] for i in chosen], members.objectives)]
