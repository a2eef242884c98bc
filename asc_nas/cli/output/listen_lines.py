"""What ``asc-nas listen`` prints: lines for people, or JSON lines for programs."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.cli.output.text import clock, shown
from asc_nas.runtime.classifier import Classification
from asc_nas.runtime.listen import Gap
from asc_nas.runtime.segments import Segment, answer
from asc_nas.runtime.stream import Update

FORMAT = "asc-nas/listen/1"
SEGMENTS_SHOWN = 1000
"""Of hours, people see the last segments; JSON has all, and holds none."""

Decide = Callable[[NDArray[np.float64]], int | None]


class Lines:
    """A line per network window, and tables at the end.

    Parameters
    ----------
    labels : tuple of str
        In the order of the posteriors.
    decide : callable
        Says the place of the scene, or None for unknown, of a posterior (outcomes,).
    top : int
        Scenes per line.
    """

    def __init__(self, labels: tuple[str, ...], decide: Decide, top: int) -> None:
        self._labels, self._decide, self._top = labels, decide, top
        self._width = max(map(len, (*labels, "Scene")))
        self._count = 0
        self.segments: deque[Segment] = deque(maxlen=SEGMENTS_SHOWN)
        """The last of the timeline."""

    def start(self, name: str, model: str, sample_rate: int, channels: int) -> None:
        """Print the names of the columns."""
        self._line("Time", "Scene", "Probability", "Next candidates")

    def update(self, update: Update) -> None:
        """Print what the network hears now, and keep the timeline."""
        self.segments += update.segments
        self._count += len(update.segments)
        for window in update.windows:
            decided = self._decide(window.posterior)
            label, probability = answer(self._labels, window.posterior, decided)
            ranked = np.argsort(-window.posterior, kind="stable")[decided is not None : self._top]
            following = (
                f"{self._labels[i]} {window.posterior[i]:.1%}"
                for i in ranked
                if window.posterior[i]
            )
            self._line(clock(window.end), label, f"{probability:.1%}", ", ".join(following))

    def gap(self, gap: Gap) -> None:
        """Print that audio is missing."""
        print(f"({gap.seconds:.1f} s not heard)", flush=True)

    def end(self, heard: Classification, lost: float) -> None:
        """Print the answer for all that was heard, and the timeline."""
        from asc_nas.cli.output.classify_tables import print_answers, print_timelines
        from asc_nas.runtime.recordings import Answer, Recording

        answers = [Answer(Recording(Path(heard.path), Path(heard.path)), heard)]
        print()
        print_answers(answers, self._top)
        print_timelines(answers)
        if self._count > SEGMENTS_SHOWN:
            print(f"The last {SEGMENTS_SHOWN} of {self._count} segments; --json gives all.")
        if lost:
            print(f"{heard.duration:.1f} s were heard, {lost:.1f} s lost.")

    def _line(self, time: str, scene: str, probability: str, following: str) -> None:
        line = f"{time:<10}  {scene:<{self._width}}  {probability:<11}  {following}"
        print(shown(line.rstrip()), flush=True)


class JsonLines:
    """An object per line, flushed: ``start``, then ``update``, ``segment``, ``gap``, and ``end``.

    Takes what `Lines` takes.
    """

    def __init__(self, labels: tuple[str, ...], decide: Decide, top: int) -> None:
        self._labels, self._decide = labels, decide
        self.segments = ()

    def start(self, name: str, model: str, sample_rate: int, channels: int) -> None:
        """Print what is listened to."""
        self._event(
            "start",
            format=FORMAT,
            source=name,
            model=model,
            sample_rate=sample_rate,
            channels=channels,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    def update(self, update: Update) -> None:
        """Print what the network hears now, and the segments that have become final."""
        for window in update.windows:
            decided = self._decide(window.posterior)
            label, probability = answer(self._labels, window.posterior, decided)
            self._event(
                "update",
                start=window.start,
                end=window.end,
                label=label,
                probability=probability,
                scores=dict(zip(self._labels, window.posterior.tolist(), strict=True)),
            )
        for segment in update.segments:
            self._event("segment", **asdict(segment))

    def gap(self, gap: Gap) -> None:
        """Print that audio is missing."""
        self._event("gap", seconds=gap.seconds)

    def end(self, heard: Classification, lost: float) -> None:
        """Print the answer for all that was heard."""
        self._event(
            "end",
            label=heard.label,
            probability=heard.probability,
            scores=heard.scores,
            heard=heard.duration,
            lost=lost,
        )

    def _event(self, event: str, **values: Any) -> None:
        print(json.dumps({"event": event} | values, allow_nan=False), flush=True)
