"""What ``asc-nas classify`` shows to people: answers, timelines and a summary per folder."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asc_nas.audio.logmel import LEFT_OUT
from asc_nas.cli.output.text import clock, shown
from asc_nas.runtime.recording_time import moment
from asc_nas.runtime.segments import NO_SCENE, UNKNOWN

if TYPE_CHECKING:
    from asc_nas.runtime.classifier import Classification
    from asc_nas.runtime.recordings import Answer


def print_answers(answers: "Sequence[Answer]", top: int) -> None:
    """Print a row per recording with its scene and the next candidates."""
    table = Table("File", "Scene", "Probability", box=None, header_style="bold")
    if top > 1:
        table.add_column("Next candidates", style="dim")
    for answer in answers:
        # As Text, since a file name may hold what rich takes for markup.
        name = Text(shown(answer.recording.path), overflow="fold")
        if answer.classification is None:
            table.add_row(name, Text("not classified", style="red"), "")
            continue
        found = answer.classification
        cells = [name, _scene(found.label), Text(f"{found.probability:.1%}")]
        table.add_row(*cells, *([Text(_candidates(found, top))] if top > 1 else []))
    Console().print(table)


def print_timelines(answers: "Sequence[Answer]") -> None:
    """Print the segments of every recording, with the time of day where it is known."""
    for answer in answers:
        found = answer.classification
        if found is None:
            continue
        start = found.start_time
        time = () if start is None else (f"Time ({start:%Z})" if start.tzinfo else "Time",)
        columns = "From", "To", *time, "Scene", "Probability"
        table = Table(*columns, box=None, header_style="bold")
        for segment in found.segments:
            times = [clock(segment.start), clock(segment.end)]
            if start is not None:
                times.append(f"{moment(start, segment.start):%Y-%m-%d %H:%M:%S}")
            table.add_row(*times, _scene(segment.label), f"{segment.probability:.1%}")
        print(f"\n{shown(answer.recording.path)}")
        Console().print(table)


def print_hint() -> None:
    """Print on standard error how to see what is heard when."""
    _note("to see what is heard when, add --merge 0, or --merge SECONDS to leave short scenes out.")


def has_several_windows(answer: "Answer") -> bool:
    """Return whether the network heard a recording in several windows."""
    found, frontend = answer.classification, answer.frontend
    return bool(found and frontend and found.duration > (1 + LEFT_OUT) * frontend.seconds)


def print_summary(answers: "Sequence[Answer]") -> None:
    """Print the length of the recordings in each folder, and the share of time of each scene."""
    folders: dict[str, _Total] = {}
    everything = _Total()
    for answer in answers:
        if answer.classification is not None:
            folder = shown(answer.recording.path.parent)
            for total in (folders.setdefault(folder, _Total()), everything):
                total.add(answer.classification)
    if everything.recordings < 2:
        return
    if len(folders) > 1:
        folders["all"] = everything
    table = Table("Folder", "Recordings", "Hours", "Share of time", box=None, header_style="bold")
    for folder, total in folders.items():
        cells = Text(folder, overflow="fold"), str(total.recordings), f"{total.seconds / 3600:.2f}"
        table.add_row(*cells, Text(total.shares()))
    print()
    Console().print(table)


def print_errors(answers: "Sequence[Answer]") -> None:
    """Print a line on standard error for every recording that was not classified."""
    for answer in answers:
        if answer.classification is None:
            print(f"error: {shown(answer.error)}", file=sys.stderr)


def print_notes(answers: "Sequence[Answer]") -> None:
    """Print on standard error what the answers do not rest on: silence, or very little sound."""
    short = [answer for answer in answers if answer.is_short]
    if short:
        verb = "lasts" if len(short) == 1 else "last"
        seconds = short[0].frontend.seconds if short[0].frontend else 0.0
        _note(
            f"{_which(short)} {verb} less than half of the {seconds:g} s that the network "
            "takes at a time; silence made up the rest, and a network trained on longer clips is "
            "often wrong then: record that long if you can."
        )
    silent = [answer for answer in answers if answer.signal and answer.signal.silent_seconds]
    if silent:
        lost = sum(answer.signal.silent_seconds for answer in silent if answer.signal)
        length = sum(each.classification.duration for each in silent if each.classification)
        _note(f"{lost:.1f} of the {length:.1f} s of {_which(silent)} are digital silence.")
    unheard = [answer for answer in answers if answer.signal and answer.signal.unheard]
    if unheard and unheard[0].signal:
        numbers = ", ".join(map(str, unheard[0].signal.unheard))
        _note(f"channels without a signal were not heard: {numbers} of {_which(unheard)}.")


def _which(answers: "Sequence[Answer]") -> str:
    first = shown(answers[0].recording.path)
    return first if len(answers) == 1 else f"{len(answers)} recordings, such as {first}"


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


@dataclass
class _Total:
    recordings: int = 0
    seconds: float = 0.0
    seconds_of: dict[str, float] = field(default_factory=dict)

    def add(self, answer: "Classification") -> None:
        self.recordings += 1
        self.seconds += answer.duration
        for segment in answer.segments:
            before = self.seconds_of.get(segment.label, 0.0)
            self.seconds_of[segment.label] = before + segment.end - segment.start

    def shares(self) -> str:
        labelled = sum(self.seconds_of.values())
        shares = sorted(self.seconds_of.items(), key=lambda item: -item[1])
        return ", ".join(f"{label} {seconds / labelled:.0%}" for label, seconds in shares)


def _scene(label: str) -> Text:
    return Text(label, style="yellow" if label in NO_SCENE else "bold green")


def _candidates(answer: "Classification", top: int) -> str:
    ranked = sorted(answer.scores.items(), key=lambda item: -item[1])
    first = 0 if answer.label == UNKNOWN else 1
    return ", ".join(f"{label} {score:.1%}" for label, score in ranked[first:top] if score)
