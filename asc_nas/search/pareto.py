"""The Pareto set of what was evaluated, and its hypervolume."""

import math
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from pydantic import FiniteFloat
from pymoo.indicators.hv import HV
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from asc_nas.core.documents import Count, Document, Part
from asc_nas.search.objectives import COSTS, Evaluation, Objective, leading_score, to_minimise
from asc_nas.space.genotype import GenotypeText


def pareto_set(
    evaluations: Iterable[Evaluation], objectives: Sequence[Objective]
) -> list[Evaluation]:
    """Return the evaluations that none other dominates, by rising MACs, each trade-off once.

    Of several genotypes with equal objectives, the one with the first text form stays.
    """
    unique = sorted(set(evaluations), key=lambda e: (e.macs, -e.macro_f1, str(e.genotype)))
    if not unique:
        return []
    values = to_minimise(unique, objectives)
    front = NonDominatedSorting().do(values, only_non_dominated_front=True)
    members: dict[tuple[float, ...], Evaluation] = {}
    for i in sorted(front):
        members.setdefault(tuple(values[i]), unique[i])
    return list(members.values())


class ParetoMember(Part):
    """A network of the set: its id is its position; scores with shared weights on search-val."""

    id: Count
    genotype: GenotypeText
    macro_f1: FiniteFloat
    log_loss: FiniteFloat | None = None
    macs: Count
    params: Count
    ram_bytes: Count | None = None
    latency_ms: float | None = None


class ParetoSet(Document):
    """``search/pareto.json``."""

    format_name = "asc-nas/pareto/1"
    remedy = "delete it: 'asc-nas search' makes it again from the search's history"

    members: list[ParetoMember]

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation]) -> Self:
        """Return the document of the members, in their order."""
        rows = enumerate(evaluation.row() for evaluation in evaluations)
        names = ParetoMember.model_fields.keys() - {"id"}
        return cls(
            members=[ParetoMember(id=i, **{name: row[name] for name in names}) for i, row in rows]
        )


def hypervolume(
    evaluations: Sequence[Evaluation],
    objectives: Sequence[Objective],
    ideal: dict[str, float],
    nadir: dict[str, float],
) -> float:
    """Return the share (0 to 1) of the box between `ideal` and `nadir` that is dominated.

    Parameters
    ----------
    ideal, nadir : best and worst value of each objective, in its own unit
    """
    if not evaluations:
        return 0.0
    low = np.array([ideal[o.name] * (-1 if o.sense == "max" else 1) for o in objectives])
    high = np.array([nadir[o.name] * (-1 if o.sense == "max" else 1) for o in objectives])
    values = (to_minimise(evaluations, objectives) - low) / (high - low)
    return float(HV(ref_point=np.ones(len(objectives)))(values))


def preferred(members: Sequence[object], objectives: Sequence[Objective]) -> int:
    """Return the position of the member with the best score, the first of equals.

    Which score it is, the objectives say (`leading_score`); a member has it as an attribute of that
    name. Those where it is None or not there come last.
    """
    score = leading_score(objectives)
    sign = -1.0 if score.sense == "max" else 1.0
    scores = [getattr(member, score.name, None) for member in members]
    values = [math.inf if value is None else sign * value for value in scores]
    return values.index(min(values))


def choose(members: Sequence[Evaluation], objectives: Sequence[Objective], count: int) -> list[int]:
    """Return the ids of `count` members spread evenly over the front, both ends included.

    One alone is the `preferred` one.

    A cost that is maximised (MoGA's parameters: room to learn at equal latency) widens the front to
    networks that nothing but their size speaks for; members are chosen from the front without it.
    """
    judged = [o for o in objectives if not (o.sense == "max" and o.name in COSTS)]
    worthwhile = set(pareto_set(members, judged))
    ids = [i for i, member in enumerate(members) if member in worthwhile]
    count = min(count, len(ids))
    if count == 1:
        return [ids[preferred([members[i] for i in ids], objectives)]]
    return sorted({ids[round(place)] for place in np.linspace(0, len(ids) - 1, count)})
