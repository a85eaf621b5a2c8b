"""The microphone, through sounddevice and PortAudio."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from live.recording.sound import SoundBlock

#: Seconds of sound in one block.
_BLOCK_S = 0.02

#: Blocks that nobody has fetched yet are kept this long, in seconds.
_KEPT_S = 15.0

#: Without a block for this long, in seconds, it is unplugged or hangs.
_SILENT_S = 1.5

#: Closing may take this long, in seconds; a driver that hangs is left behind.
_CLOSING_S = 1.0

#: What is told where the package is missing, and where it misses its own library.
_NO_PACKAGE = "sound needs one more package: pip install sounddevice"
_NO_PORTAUDIO = "sound needs PortAudio (Debian: apt install libportaudio2)"


class NoMicrophoneError(Exception):
    """It cannot be used; the message says why and what to do. A recording goes on without it."""


class Microphone:
    """Hears in a thread of its own from construction on. What goes wrong is in `failure`, never raised.

    Args:
        device: its name, a part of it, or its number; None is the system's own.
    """

    def __init__(self, device: str | None = None) -> None:
        self.name = device or "the microphone"
        self.failure = ""
        self._heard: deque[SoundBlock] = deque(maxlen=round(_KEPT_S / _BLOCK_S))
        self._last_at: float | None = None
        self._closing = threading.Event()
        # Opening one may take seconds, and PortAudio looks at every device first.
        self._thread = threading.Thread(target=self._listen, args=(device,), name="microphone", daemon=True)
        self._thread.start()

    def blocks(self) -> Sequence[SoundBlock]:
        """See `SoundSource.blocks`."""
        heard = []
        while self._heard:
            heard.append(self._heard.popleft())
        return heard

    def close(self) -> None:
        """See `SoundSource.close`."""
        self._closing.set()
        self._thread.join(_CLOSING_S)

    def _listen(self, device: str | None) -> None:
        try:
            sounddevice = load()
            self._record(sounddevice, find(sounddevice, device))
        except NoMicrophoneError as error:
            self.failure = str(error)
        except Exception as error:  # from PortAudio and its drivers comes whatever they like
            self.failure = f"{self.name} cannot be used ({error}); see fomm-live doctor"

    def _record(self, sounddevice: Any, info: dict[str, Any]) -> None:
        self.name = info["name"]
        rate = round(info["default_samplerate"])
        stream = sounddevice.InputStream(
            device=info["index"],
            samplerate=rate,
            channels=min(2, info["max_input_channels"]),
            dtype="int16",
            blocksize=round(rate * _BLOCK_S),
            callback=lambda samples, _count, times, status: self._hear(samples, rate, times, status),
        )
        with _Open(stream):
            self._last_at = time.monotonic()
            while not self._closing.wait(0.1):
                if time.monotonic() - self._last_at > _SILENT_S:
                    self.failure = f"{self.name} stopped delivering"
                    return

    def _hear(self, samples: Any, rate: int, times: Any, status: Any) -> None:
        """PortAudio's callback, in its own thread."""
        now = self._last_at = time.monotonic()
        age = times.currentTime - times.inputBufferAdcTime
        if not (times.inputBufferAdcTime > 0 and 0 <= age < 1):  # some systems do not tell, or nonsense
            age = len(samples) / rate
        mono = samples.mean(axis=1).astype(np.int16) if samples.shape[1] > 1 else samples[:, 0].copy()
        self._heard.append(SoundBlock(mono, rate, now - age, lost=bool(status.input_overflow)))


class _Open:
    """A stream that is started, and let go without waiting for ever: a driver whose device is gone may hang."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        self._stream.start()

    def __exit__(self, *_: object) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)


def load() -> Any:
    """The module `sounddevice`.

    Raises:
        NoMicrophoneError: it is not installed, or PortAudio is not.
    """
    try:
        import sounddevice
    except ImportError:
        raise NoMicrophoneError(_NO_PACKAGE) from None
    except OSError:
        raise NoMicrophoneError(_NO_PORTAUDIO) from None
    return sounddevice


def find(sounddevice: Any, device: str | None) -> dict[str, Any]:
    """What PortAudio knows of a microphone: "name", "index", "default_samplerate" and more.

    Raises:
        NoMicrophoneError: there is none, or none of that name; the message lists those there are.
    """
    try:
        if device is None:
            return dict(sounddevice.query_devices(kind="input"))
        there = [dict(found) for found in sounddevice.query_devices() if found["max_input_channels"] > 0]
    # PortAudio's errors, and ValueError where there is no input at all.
    except (sounddevice.PortAudioError, ValueError) as error:
        raise NoMicrophoneError(f"no microphone that can be used ({error}); plug one in") from None
    wanted = device.casefold()
    # Some systems list one device under several drivers, by the same name; the first is their own favourite.
    for found in there:
        if wanted in (str(found["index"]), found["name"].casefold()):
            return found
    for found in there:
        if wanted in found["name"].casefold():
            return found
    names = ", ".join(dict.fromkeys(found["name"] for found in there)) or "none"
    raise NoMicrophoneError(f'no microphone is called "{device}"; there is: {names}')
