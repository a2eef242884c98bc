"""Findings, and the report that they make up."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

FORMAT = "asc-nas/check/1"

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


@dataclass(frozen=True)
class Finding:
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


@dataclass(frozen=True)
class Report:
    """All findings of a set, in the order of `CHECKS` and, within one, of the manifest.

    `checks` names the checks that were made.
    """

    name: str
    clips: int
    findings: tuple[Finding, ...]
    checks: tuple[str, ...] = tuple(CHECKS)

    def of(self, check: str) -> list[Finding]:
        """Return the findings of one check."""
        return [finding for finding in self.findings if finding.check == check]

    def count(self, severity: Severity) -> int:
        """Return how many findings are of that severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def bad_clips(self) -> tuple[str, ...]:
        """Keys of the clips with an error of their own, each once, sorted."""
        found = self.findings
        return tuple(sorted({f.clip for f in found if f.severity == "error" and f.clip}))

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data, with the format key ``asc-nas/check/1``."""
        counts = Counter((finding.check, finding.severity) for finding in self.findings)
        return {
            "format": FORMAT,
            "name": self.name,
            "clips": self.clips,
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "counts": {
                name: {"errors": counts[name, "error"], "warnings": counts[name, "warning"]}
                for name in self.checks
            },
            "bad_clips": list(self.bad_clips),
            "findings": [asdict(finding) for finding in self.findings],
        }
