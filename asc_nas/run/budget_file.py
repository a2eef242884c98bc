"""What a run keeps of its budget."""

from pydantic import Field

from asc_nas.core.documents import Document


class Budget(Document):
    """``budget.json``: the sizes that fill the time that a run may take.

    Attributes
    ----------
    seconds : float
        That were left when they were planned last.
    work : dict of float
        Seconds per unit of each step, as measured before the run.
    settings : dict
    took, expected : dict of float
        Seconds of each step that is done; of those done in one go also what was expected.
    """

    format_name = "asc-nas/budget/1"
    remedy = "delete it, and 'asc-nas run' will measure the work again"

    seconds: float
    work: dict[str, float]
    settings: dict[str, int | list[int]]
    took: dict[str, float] = Field(default_factory=dict)
    expected: dict[str, float] = Field(default_factory=dict)
