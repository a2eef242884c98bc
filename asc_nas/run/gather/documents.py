"""What a report reads of files that nothing else reads again."""

from typing import Any

from asc_nas.core.documents import Count, Shape
from asc_nas.run.results import LoggedEpoch

LOG_FORMAT, UPDATES_FORMAT, CHECK_FORMAT = "asc-nas/log/1", "asc-nas/updates/1", "asc-nas/check/1"


class LogDocument(Shape):
    """``supernet/log.json``."""

    epochs: list[LoggedEpoch]


class BlockUpdates(Shape):
    """How often the candidates of a block were trained."""

    min: Count
    max: Count
    updates: dict[str, Any]


class UpdatesDocument(Shape):
    """``supernet/updates.json``."""

    blocks: list[BlockUpdates]


class FindingRow(Shape):
    """One thing that is wrong with the recordings."""

    check: str
    severity: str
    message: str


class FindingCounts(Shape):
    """How much a check found."""

    errors: Count
    warnings: Count


class CheckDocument(Shape):
    """``data/check.json``."""

    clips: Count
    errors: Count
    warnings: Count
    counts: dict[str, FindingCounts]
    findings: list[FindingRow]
