"""All checks of a manifest: first those of the table, then those of every clip's audio."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing

from asc_nas.core.errors import UsageError
from asc_nas.core.progress import Progress, unheard
from asc_nas.core.tasks import TIMEOUT, each
from asc_nas.data.manifest import Clip, Manifest
from data_prep.checks import table
from data_prep.checks.findings import CHECKS, TABLE_CHECKS, Finding, Report, Severity
from data_prep.checks.scan import SHORTFALL_SECONDS, Broken, Scan, ScanTask, scan_clip
from data_prep.extraction import LOUDEST

SILENT = 1e-4
"""Peak below which a clip is silent: -80 dBFS."""
CLIPPED = 1e-3
"""Share of samples at full scale from which a clip is taken for clipped."""
SCALED = 100.0
"""Peak from which the samples of a file are taken for wrongly scaled; full scale is 1."""


def check(
    manifest: Manifest,
    *,
    workers: int | None = None,
    timeout: float = TIMEOUT,
    decode: bool = True,
    progress: Progress = unheard,
) -> Report:
    """Return everything that is wrong with a manifest and its recordings.

    The same recordings give the same report, whatever the number of workers.

    Parameters
    ----------
    workers : int, optional
        Processes; None takes one per core. 1 decodes in this one, which a crash over one file
        would end.
    timeout : float
        Seconds after which a file that still is not decoded is given up, and listed.
    decode : bool
        Whether the recordings are looked at; otherwise only labels and groups (`TABLE_CHECKS`).
    progress : callable, optional
        Called with (clips done, clips in all).

    Raises
    ------
    UsageError
        If `workers` is below 1.
    AscNasError
        If no worker process can start.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; at least 1 is needed.")
    clips = manifest.clips
    tasks = (
        ScanTask(number, manifest.audio_path(clip).absolute(), clip.start, clip.duration)
        for number, clip in enumerate(clips if decode else ())
    )
    scans: dict[int, Scan] = {}
    broken: dict[int, Broken] = {}
    if decode:
        progress(0, len(clips), "clips")
    with closing(each(scan_clip, tasks, workers, timeout)) as results:
        for done, (task, result) in enumerate(results, start=1):
            if isinstance(result, Scan):
                scans[task.number] = result
            elif isinstance(result, Broken):
                broken[task.number] = result
            else:
                broken[task.number] = Broken("unreadable", f"{task.path}: {result.reason}")
            progress(done, len(clips), "clips")

    found = [
        Finding(
            check=problem.check, severity="error", message=problem.message, clip=clips[number].key
        )
        for number, problem in sorted(broken.items())
    ]
    rate = _usual_rate(scans)
    for number in sorted(scans):
        found.extend(_of_clip(clips[number], scans[number], rate))
    found.extend(_duplicates(manifest, scans))
    for checks in (table.leaks, table.labels, table.imbalance):
        found.extend(checks(manifest))
    order = {name: place for place, name in enumerate(CHECKS)}
    found.sort(key=lambda finding: order[finding.check])
    made = tuple(CHECKS) if decode else TABLE_CHECKS
    return Report.from_findings(manifest.name, len(clips), found, made)


def _usual_rate(scans: dict[int, Scan]) -> int:
    """Return the rate that most clips have, the highest of several."""
    counts = Counter(scan.sample_rate for scan in scans.values())
    return max(counts, key=lambda rate: (counts[rate], rate), default=0)


def _of_clip(clip: Clip, scan: Scan, usual_rate: int) -> Iterator[Finding]:
    def found(check: str, severity: Severity, message: str) -> Finding:
        message = f"{clip.key}: {message}"
        return Finding(check=check, severity=severity, message=message, clip=clip.key)

    if not scan.finite:
        yield found("nan", "error", "has NaN or infinite samples; export it again or exclude it.")
    elif scan.peak > SCALED:
        yield found(
            "scale",
            "error" if scan.peak > LOUDEST else "warning",
            f"its samples reach {scan.peak:.3g} where full scale is 1; write it again, scaled, or "
            "exclude it.",
        )
    elif scan.peak < SILENT:
        level = "digital silence" if scan.peak == 0 else "never above -80 dBFS"
        yield found("silent", "error", f"is silent ({level}); record it again or exclude it.")
    elif scan.clipped > CLIPPED:
        yield found(
            "clipped",
            "warning",
            f"{scan.clipped:.1%} of its samples are at full scale; record at a lower level.",
        )
    if scan.seconds < clip.duration - SHORTFALL_SECONDS:
        yield found(
            "short",
            "warning",
            f"has {scan.seconds:.2f} s where its list says {clip.duration:.2f} s; correct the "
            "list, or prepare the data again.",
        )
    if scan.channels != clip.channels:
        yield found(
            "channels",
            "error",
            f"has {scan.channels} channel{'s' * (scan.channels > 1)} where the manifest says "
            f"{clip.channels}; prepare the data again.",
        )
    if scan.sample_rate != usual_rate:
        yield found(
            "rate",
            "warning",
            f"is at {scan.sample_rate} Hz where most are at {usual_rate} Hz; it is resampled, but "
            "a rate that goes with a class gives the class away.",
        )


def _duplicates(manifest: Manifest, scans: dict[int, Scan]) -> Iterator[Finding]:
    """Find clips with the same samples; silent ones are alike and listed as silent."""
    same: dict[bytes, list[Clip]] = defaultdict(list)
    for number in sorted(scans):
        if scans[number].peak >= SILENT:
            same[scans[number].digest].append(manifest.clips[number])
    published = manifest.published_folds
    everything = [found for alike in same.values() for found in _alike(alike, published)]
    # Those across folds come first: they make a test score a lie.
    yield from sorted(everything, key=lambda found: found.severity != "error")


def _alike(alike: list[Clip], published: bool) -> Iterator[Finding]:
    first = alike[0]
    if len({clip.label for clip in alike}) > 1:  # any of them may be the wrong one
        shown = ", ".join(f"{clip.key} ('{clip.label}')" for clip in alike[:5])
        for clip in alike:
            message = f"{clip.key}: the same audio has several labels: {shown}; keep the right one."
            yield Finding(check="duplicate", severity="error", message=message, clip=clip.key)
        return
    sides = ("fold", "role")
    seen: dict[str, dict[str, Clip]] = {side: {getattr(first, side): first} for side in sides}
    for clip in alike[1:]:
        message = f"{clip.key}: the same audio as {first.key}; keep one of them."
        severity: Severity = "warning"
        on_two_sides = False
        for side in sides:
            here = getattr(clip, side)
            others = [(there, other) for there, other in seen[side].items() if there != here]
            if others and not on_two_sides:
                there, other = others[0]
                on_two_sides = True
                severity = "warning" if published else "error"
                message = (
                    f"{clip.key}: the same audio as {other.key}, in the {side} '{here}' and in "
                    f"'{there}'" + (", as published." if published else "; exclude one of them.")
                )
            seen[side].setdefault(here, clip)
        yield Finding(check="duplicate", severity=severity, message=message, clip=clip.key)
