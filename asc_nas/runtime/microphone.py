"""A microphone, by way of sounddevice (the [listen] extra) and PortAudio.

Audio comes in a callback of PortAudio's own thread and waits in a buffer of bounded length. If the
device is gone, it is tried again until it is back.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.runtime.audio_buffer import Buffer
from asc_nas.runtime.listen import Gap

CHUNK_SECONDS: Final = 0.1
POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 3.0
STALL_SECONDS: Final = 3.0
"""A device that gives nothing for so long is taken as gone, whatever PortAudio says."""


@dataclass(frozen=True)
class Device:
    """A device that audio can be recorded from; `sample_rate`, in hertz, is its own."""

    number: int
    name: str
    channels: int
    sample_rate: int
    is_default: bool


class Microphone:
    """Chunks of audio (channels, n) float32 and `Gap`s, without end.

    Parameters
    ----------
    device : str, optional
        Its number, or a part of its name; None is the system's default.
    sample_rate : int, optional
        Hertz; the device's own if it is not given.
    channels : int
    buffer_seconds : float
        How far the listener may fall behind before audio is dropped.
    say : callable
        Told, in a sentence, of what was lost.

    Raises
    ------
    UsageError
        If there is no such device.
    AscNasError
        If sounddevice or PortAudio is not installed, or there is no microphone at all.
    """

    def __init__(
        self,
        device: str | None,
        sample_rate: int | None,
        channels: int,
        buffer_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._sounddevice = sound = _load()
        wanted = int(device) if device is not None and device.isdecimal() else device
        try:
            found = sound.query_devices(wanted, kind="input")
        except (ValueError, sound.PortAudioError) as error:
            if device is None:
                raise AscNasError(
                    "no microphone is found; connect one, or pipe PCM into 'asc-nas listen -'."
                ) from error
            raise UsageError(
                f"no microphone '{device}' ({_reason(error)}); 'asc-nas listen --list-devices' "
                "shows which there are."
            ) from error
        self._wanted, self._is_default = wanted, device is None
        self.name: str = found["name"]
        self.sample_rate = sample_rate or round(found["default_samplerate"])
        self._channels, self._say = channels, say
        self._buffer_frames = round(buffer_seconds * self.sample_rate)

    def __iter__(self) -> Iterator[NDArray[np.float32] | Gap]:
        """Record until the caller stops.

        Raises
        ------
        AscNasError
            If the device cannot be opened the first time.
        """
        sound = self._sounddevice
        buffer, stream = self._first_opened()
        while True:
            last = yield from self._until_gone(buffer, stream)
            self._say(
                f"the microphone {self.name} is gone; trying again every {RETRY_SECONDS:g} s "
                "until it is back (Ctrl-C ends)."
            )
            while True:
                time.sleep(RETRY_SECONDS)
                try:
                    buffer, stream = self._reopened()
                    break
                except (ValueError, sound.PortAudioError):
                    continue
            lost = time.monotonic() - last
            self._say(f"the microphone {self.name} is back; {lost:.1f} s were not heard.")
            yield Gap(lost)

    def _until_gone(
        self, buffer: Buffer, stream: Any
    ) -> Generator[NDArray[np.float32] | Gap, None, float]:
        """Yield what comes; return the time of the last chunk."""
        last = time.monotonic()
        try:
            while True:
                lost, wave = buffer.get(POLL_SECONDS)
                if lost:
                    seconds = lost / self.sample_rate
                    self._say(
                        f"{seconds:.1f} s of audio were dropped: the machine is too slow to "
                        "follow; choose a longer --hop or a smaller network."
                    )
                    yield Gap(seconds)
                if wave is not None:
                    last = time.monotonic()
                    yield wave
                elif not stream.active or time.monotonic() - last > STALL_SECONDS:
                    return last
        finally:
            self._close(stream)

    def _first_opened(self) -> tuple[Buffer, Any]:
        try:
            return self._opened(self._wanted)
        except (ValueError, self._sounddevice.PortAudioError) as error:
            raise AscNasError(
                f"the microphone {self.name} does not open at {self.sample_rate} Hz with "
                f"{self._channels} channels ({_reason(error)}); try another --rate, --channels "
                "or --device."
            ) from error

    def _reopened(self) -> tuple[Buffer, Any]:
        """Open the device of the same name: its number may have changed."""
        # PortAudio lists the devices once, and sounddevice has no public way to have it look again.
        self._sounddevice._terminate()
        self._sounddevice._initialize()
        if self._is_default:
            return self._opened(None)
        for device in input_devices():
            if device.name == self.name:
                return self._opened(device.number)
        raise ValueError("not there")

    def _opened(self, device: int | str | None) -> tuple[Buffer, Any]:
        buffer = Buffer(self._buffer_frames)
        stream = self._sounddevice.InputStream(
            samplerate=self.sample_rate,
            blocksize=round(CHUNK_SECONDS * self.sample_rate),
            device=device,
            channels=self._channels,
            dtype="float32",
            callback=lambda samples, *_: buffer.put(samples.T.copy()),
        )
        stream.start()
        return buffer, stream

    def _close(self, stream: Any) -> None:
        with suppress(self._sounddevice.PortAudioError):  # a device that is gone may not close
            stream.close()


def input_devices() -> list[Device]:
    """Return what can be recorded from.

    Raises
    ------
    AscNasError
        If sounddevice or PortAudio is not installed.
    """
    sound = _load()
    default = sound.default.device[0]
    return [
        Device(
            number,
            found["name"],
            found["max_input_channels"],
            round(found["default_samplerate"]),
            number == default,
        )
        for number, found in enumerate(sound.query_devices())
        if found["max_input_channels"] > 0
    ]


def _load() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise AscNasError(
            "the microphone needs sounddevice: install it with pip install 'asc-nas[listen]' "
            "('asc-nas listen -', PCM from standard input, needs none)."
        ) from error
    except OSError as error:  # the package without its library
        raise AscNasError(
            "sounddevice finds no PortAudio library: install it (on Debian and Ubuntu: apt install "
            "libportaudio2), or pipe PCM into 'asc-nas listen -'."
        ) from error
    return sounddevice


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
