"""Findings, and the report that they make up."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, Self

from asc_nas.core.documents import Count, Document, Part

Severity = Literal["error", "warning"]

CHECKS: dict[str, str] = {
    "missing": "audio files that are not there",
    "unreadable": "files that cannot be decoded to their end",
    "truncated": "files that end before they say they do",
    "empty": "files without audio, and parts outside their file",
    "nan": "NaN or infinite samples",
    "scale": "samples far beyond full scale",
    "silent": "nothing above -80 dBFS",
    "clipped": "many samples at full scale",
    "short": "less audio than the manifest says",
    "channels": "another number of channels than the manifest says",
    "rate": "another sample rate than most of the set",
    "duplicate": "the same audio twice",
    "leak": "a group on both sides of a fold or role",
    "label": "classes with too few clips or groups",
    "imbalance": "classes of very unequal size",
}
"""Every check and what it finds, in the order of a report."""

TABLE_CHECKS = ("leak", "label", "imbalance")
"""Those that need no audio."""


class Finding(Part):
    """One thing that is wrong.

    Attributes
    ----------
    check : str
        One of `CHECKS`.
    severity : str
        ``"error"`` for what spoils a result, ``"warning"`` for what may be meant.
    message : str
        What is wrong and what to do.
    clip, label, group : str
        Key of the clip, label or group that it is about; the others are empty.
    """

    check: str
    severity: Severity
    message: str
    clip: str = ""
    label: str = ""
    group: str = ""

    @property
    def subject(self) -> str:
        """Name of what it is about."""
        return self.clip or self.label or self.group


class FindingCounts(Part):
    """How much a check found."""

    errors: Count
    warnings: Count


class Report(Document):
    """All findings of a set, in the order of `CHECKS` and, within one, of the manifest.

    Attributes
    ----------
    name : str
        That of the manifest.
    counts : dict
        By the name of every check that was made.
    bad_clips : list of str
        Keys of the clips with an error of their own, each once, sorted.
    """

    format_name = "asc-nas/check/1"
    remedy = "delete it: 'asc-nas data check' makes it again"

    name: str
    clips: Count
    errors: Count
    warnings: Count
    counts: dict[str, FindingCounts]
    bad_clips: list[str]
    findings: list[Finding]

    @classmethod
    def from_findings(
        cls, name: str, clips: int, findings: Sequence[Finding], checks: Iterable[str]
    ) -> Self:
        """Return the report of these findings; `checks` names the checks that were made."""
        found = Counter((finding.check, finding.severity) for finding in findings)
        severities = Counter(finding.severity for finding in findings)
        return cls(
            name=name,
            clips=clips,
            errors=severities["error"],
            warnings=severities["warning"],
            counts={
                check: FindingCounts(errors=found[check, "error"], warnings=found[check, "warning"])
                for check in checks
            },
            bad_clips=sorted({f.clip for f in findings if f.severity == "error" and f.clip}),
            findings=list(findings),
        )

    def of(self, check: str) -> list[Finding]:
        """Return the findings of one check."""
        return [finding for finding in self.findings if finding.check == check]
