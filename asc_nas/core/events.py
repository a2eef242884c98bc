"""Everything that a run logs, as JSON lines (``RUN/events.jsonl``), and in TensorBoard if asked.

One object per line::

    {"format": "asc-nas/event/1", "time": "2025-03-01T12:00:00+00:00", "step": "supernet",
     "epoch": 3, "values": {"loss": 1.52, "learning_rate": 0.02}}

A training has ``epoch``, the search ``generation``, a test neither; ``network`` names one of
several networks. A step that goes on after a kill repeats what it did since its last saved state:
an event that is there with the same values is not written again. A line that a kill cut off is
passed over.

TensorBoard files are written beside while the folder ``RUN/tensorboard`` exists: so that worker
processes and a resumed run need not be told.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import json_text, naming
from asc_nas.core.locks import hold

FORMAT = "asc-nas/event/1"
Values = Mapping[str, float | None]
Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class Event:
    """What a step logs at one moment.

    Attributes
    ----------
    step : str
        ``supernet``, ``shrinking``, ``search``, ``retrain``, ``adapt``, ``test`` or ``rank``.
    values : dict of float
        Measures by name; None for what is not a finite number, which JSON does not have.
    network : str
        Which of several networks; empty if there is one.
    unit : str
        What is counted: ``epoch`` or ``generation``; empty where nothing is.
    number : int
        Epochs or generations done.
    time : str
        ISO 8601, UTC.
    """

    step: str
    values: Values
    network: str = ""
    unit: str = ""
    number: int = 0
    time: str = ""

    @property
    def key(self) -> Key:
        """What the event is about; a later one with the same key replaces it."""
        return self.step, self.network, self.unit, self.number

    def line(self) -> str:
        """Return the JSON text with its end of line."""
        about = {"network": self.network} if self.network else {}
        place = {self.unit: self.number} if self.unit else {}
        named = {"format": FORMAT, "time": self.time, "step": self.step, **about, **place}
        return json_text({**named, "values": dict(self.values)}) + "\n"


def read_events(path: Path) -> list[Event]:
    """Return the events of a file in order, of several with the same key the last.

    Lines that are not whole, which a kill or a full disk leaves, are passed over.

    Raises
    ------
    AscNasError
        If the file is missing.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise AscNasError(f"{path}: no such event log.") from error
    events: dict[Key, Event] = {}
    for event in filter(None, map(_parsed, lines)):
        events.pop(event.key, None)
        events[event.key] = event
    return list(events.values())


def _parsed(line: bytes) -> Event | None:
    try:
        row = json.loads(line)
        if row["format"] != FORMAT:
            return None
        unit = next((unit for unit in ("epoch", "generation") if unit in row), "")
        number = row[unit] if unit else 0
        network = row.get("network", "")
        return Event(row["step"], dict(row["values"]), network, unit, number, row["time"])
    except (ValueError, KeyError, TypeError):
        return None


@dataclass
class EventLog:
    """The event log of a run; several processes may write to it, each with an own object.

    Parameters
    ----------
    path : Path
        ``events.jsonl``.
    tensorboard : Path
        The folder that, while it exists, gets the same values for TensorBoard.
    writes : bool
        False for a process whose work another one logs: then nothing is written.
    """

    path: Path
    tensorboard: Path
    writes: bool = True
    _known: dict[Key, Values] | None = field(default=None, init=False, repr=False)
    _writers: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def use_tensorboard(self) -> None:
        """Write for TensorBoard too, from now on and in every process.

        Raises
        ------
        AscNasError
            If TensorBoard is not installed.
        """
        summary_writer()
        self.tensorboard.mkdir(parents=True, exist_ok=True)

    def write(
        self, step: str, values: Values, network: str = "", unit: str = "", number: int = 0
    ) -> None:
        """Log `values`, unless they are there already."""
        if not self.writes:
            return
        values = {k: v if v is not None and math.isfinite(v) else None for k, v in values.items()}
        time = datetime.now(UTC).isoformat(timespec="seconds")
        event = Event(step, values, network, unit, number, time)
        if self._known is None:
            self._known = {e.key: e.values for e in self._events()}
        if self._known.get(event.key) != values:
            _append(self.path, event.line())
            self._known[event.key] = values
            if self.tensorboard.is_dir():
                self._show(event)

    def counter(self, step: str, unit: str, network: str = "") -> Callable[[int, Values], None]:
        """Return a function that logs (number of epochs or generations done, values)."""
        return lambda number, values: self.write(step, values, network, unit, number)

    def _events(self) -> list[Event]:
        return read_events(self.path) if self.path.exists() else []

    def _show(self, event: Event) -> None:
        """Write an event for TensorBoard; before the first of its kind those that came earlier."""
        name = "/".join(filter(None, (event.step, event.network)))
        folder = self.tensorboard / name
        events: list[Event] = [event]
        if name not in self._writers:
            if not folder.is_dir():
                about = (event.step, event.network)
                events = [e for e in self._events() if (e.step, e.network) == about]
            self._writers[name] = summary_writer()(str(folder))
        writer = self._writers[name]
        for shown in events:
            for tag, value in shown.values.items():
                writer.add_scalar(tag, math.nan if value is None else value, shown.number)
        writer.flush()


def _append(path: Path, line: str) -> None:
    """Append a line in one piece, so that lines of several processes do not mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("ab+", buffering=0) as handle:
        hold(handle, wait=True)  # until the file is closed
        size = handle.seek(0, os.SEEK_END)
        if size:
            handle.seek(size - 1)
            if handle.read(1) != b"\n":  # the last line was cut off
                line = "\n" + line
        rest = memoryview(line.encode())
        while rest:  # a disk that is nearly full takes a part
            rest = rest[handle.write(rest) :]


def summary_writer() -> Any:
    """Return TensorBoard's writer class.

    Raises
    ------
    AscNasError
        If TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise AscNasError(
            "--tensorboard needs the package tensorboard: install it with "
            "pip install 'asc-nas[search]'."
        ) from error
    return SummaryWriter
