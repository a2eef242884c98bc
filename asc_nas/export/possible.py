"""Whether all networks of a search space can be exported to a target, asked before the search."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.export.firmware.front_end_tables import require_transform
from asc_nas.export.tflite_file import require_pooling
from asc_nas.export.tflite_graph import schema
from asc_nas.space.genotype import Genotype
from asc_nas.space.hearing import frontend_of
from asc_nas.space.netspec import NetSpec
from asc_nas.space.search_space import SearchSpace


def require_target(
    target: Literal["c", "tflite"],
    space: SearchSpace,
    spec_of: Callable[[Genotype], NetSpec],
    frontend: FrontEnd,
) -> None:
    """Raise unless every network of the space can be exported to `target`.

    It can be but for the front end (``c``) and where averaged shortcuts stride (``tflite``).

    Parameters
    ----------
    frontend : the run's; genotypes may choose another

    Raises
    ------
    UsageError
        What cannot, and what to set instead.
    AscNasError
        If a package that `target` needs is missing.
    """
    if target == "tflite":
        schema()  # without its package, hours would end with an error
    largest = space.largest()
    genes = [genes if genes[0].kind == "input" else genes[:1] for genes in space.shape]
    for shape in itertools.product(*genes):
        genotype = replace(largest, shape=shape)
        try:
            if target == "c":
                require_transform(frontend_of(shape, frontend), "search.limits.target")
            else:
                require_pooling(spec_of(genotype), "search.limits.target")
        except AscNasError as error:
            raise UsageError(str(error)) from error
