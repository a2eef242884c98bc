"""``asc-nas listen``: label what a microphone, or a pipe, gives, as it comes."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, cast

import typer

from asc_nas.cli.interrupt import Stop
from asc_nas.cli.options import (
    HopOption,
    MinConfidenceOption,
    ModelOption,
    OnlyOption,
    RecorderOption,
    RejectOption,
    SilenceOption,
    SmoothOption,
    WindowOption,
)
from asc_nas.core.errors import AscNasError, UsageError

if TYPE_CHECKING:
    from io import BufferedReader

    from numpy import float32
    from numpy.typing import NDArray

    from asc_nas.runtime.classifier import Classifier
    from asc_nas.runtime.listen import Gap

    Chunks = Iterable[NDArray[float32] | Gap]


def listen(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[-]",
            help="'-' reads raw PCM from standard input; without it, a microphone is used.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = "models",
    recorder: RecorderOption = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|NUMBER", help="Microphone [default: the system's].", show_default=False
        ),
    ] = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="Show the microphones and exit.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1000,
            max=1_000_000,
            help="Hertz [default: the microphone's rate; for PCM, the model's rate].",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[
        int, typer.Option(min=1, max=256, help="Number of channels, interleaved.")
    ] = 1,
    sample_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of the PCM: s16le, s24le, s32le or f32le [default: s16le].",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Scenes shown per line.")] = 3,
    min_confidence: MinConfidenceOption = 0.0,
    only: OnlyOption = None,
    reject: RejectOption = True,
    silence: SilenceOption = None,
    hop: HopOption = None,
    window: WindowOption = None,
    smooth: SmoothOption = 0.0,
    merge: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Join steps of one scene into segments. A scene shorter than this many seconds "
            "becomes part of the one before [default: 0; with --json, not joined].",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one JSON object per line.")
    ] = False,
) -> None:
    """Tell the acoustic scene live, from a microphone or a pipe.

    It prints one line per hop: the answer for the newest window. At the end of the input, or at
    Ctrl-C, it prints what 'asc-nas classify' gives for a file of the same audio with the same
    options.

    Example: asc-nas listen --model esc10 --hop 1

    arecord -f S16_LE -r 44100 | asc-nas listen - --rate 44100 --model esc10
    """
    if list_devices:
        return _list_devices()
    if source not in (None, "-"):
        raise UsageError(
            f"'{source}': only '-', for PCM on standard input, can be named here; files are for "
            "'asc-nas classify', microphones for --device."
        )
    if source and device is not None:
        raise UsageError("'-' and --device exclude one another; give one of them.")
    if not source and sample_format is not None:
        raise UsageError("--format is of PCM on standard input: add '-'.")

    from asc_nas.cli.output.licence import print_licence
    from asc_nas.cli.output.listen_lines import JsonLines, Lines
    from asc_nas.runtime.classifier import Classifier
    from asc_nas.runtime.listen import Gap, Guard, Listener
    from asc_nas.runtime.timeline import TimelineConfig

    if merge is None and not as_json:
        merge = 0.0
    settings = {
        "hop": hop,
        "window": window,
        "smooth": smooth,
        "merge": merge,
        "min_confidence": min_confidence,
        "only": only or (),
        "reject": reject,
    } | ({} if silence is None else {"silence": silence})
    config = TimelineConfig.parse(settings, "listen")
    classifier = Classifier.load(model, recorder=recorder)
    if source:
        name, rate = "standard input", rate or classifier.card.frontend.sample_rate
        listener = Listener(classifier, rate, config)
        chunks = _standard_input(sample_format or "s16le", channels)
        about = f"{sample_format or 's16le'}, "
    else:
        name, rate, chunks = _microphone(classifier, device, rate, channels)
        listener = Listener(classifier, rate, config)
        about = ""
    guard = Guard(rate, _say)
    output = (JsonLines if as_json else Lines)(listener.labels, listener.decide, top)
    _note(f"Listening to {name} ({about}{rate} Hz, channels: {channels}); Ctrl-C ends.")
    if recorder and (told := classifier.card.told_of_recorder(recorder)):
        _note(f"note: {told}")
    print_licence(classifier.card)
    output.start(name, classifier.card.name, rate, channels)
    with Stop() as stop:
        for item in stop.each(chunks):
            if isinstance(item, Gap):
                output.update(listener.skip(item))
                output.gap(item)
            else:
                output.update(listener.feed(guard.clean(item)))
        output.update(listener.finish())
    guard.close()
    if listener.heard:
        output.end(listener.answer(name, output.segments), listener.lost)
    elif stop.requested:
        _say("nothing was heard.")
    else:
        raise AscNasError(f"{name} ended before there was any audio; check what is piped into it.")


def _standard_input(sample_format: str, channels: int) -> "Chunks":
    from asc_nas.runtime.pcm import read_pcm

    if sys.stdin is None:
        raise UsageError("standard input is closed: pipe PCM into 'asc-nas listen -'.")
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal: pipe PCM into 'asc-nas listen -', or leave out the '-' "
            "to listen to a microphone."
        )
    pipe = cast("BufferedReader", sys.stdin.buffer)
    return read_pcm(pipe.read1, sample_format, channels, _say)


def _microphone(
    classifier: "Classifier", device: str | None, rate: int | None, channels: int
) -> "tuple[str, int, Chunks]":
    """Return its name, its rate and what it gives."""
    from asc_nas.runtime.microphone import Microphone

    seconds = max(10.0, 2 * classifier.card.frontend.seconds)  # a window, after half is dropped
    microphone = Microphone(device, rate, channels, seconds, _say)
    return microphone.name, microphone.sample_rate, microphone


def _list_devices() -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from asc_nas.runtime.microphone import input_devices

    devices = input_devices()
    if not devices:
        raise AscNasError("no microphone is found; connect one.")
    table = Table("Number", "Name", "Channels", "Hz", box=None, header_style="bold")
    for one in devices:
        name = Text(one.name + (" (default)" if one.is_default else ""), overflow="fold")
        table.add_row(str(one.number), name, str(one.channels), str(one.sample_rate))
    Console().print(table)


def _say(sentence: str) -> None:
    _note(f"warning: {sentence}")


def _note(text: str) -> None:
    from asc_nas.cli.output.text import shown

    print(shown(text), file=sys.stderr, flush=True)
