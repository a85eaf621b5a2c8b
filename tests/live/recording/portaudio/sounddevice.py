"""A stand-in for the module of this name, for a session in a process of its own: a microphone that hears a tone.

`STAND_IN_MICROPHONE` says what is wrong with it: nothing, "none", "busy", or "unplugged" a second after it began, or
after `STAND_IN_RECORDING` has become a file with something in it.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

TROUBLE = os.environ.get("STAND_IN_MICROPHONE", "")
RECORDING = os.environ.get("STAND_IN_RECORDING", "")
DEVICES = [
    {"name": "Loudspeaker", "index": 0, "max_input_channels": 0, "default_samplerate": 48_000.0},
    {"name": "Stand-in Microphone", "index": 1, "max_input_channels": 2, "default_samplerate": 44_100.0},
]


class PortAudioError(Exception):
    """As the real one."""


def query_devices(kind: str | None = None) -> Any:
    """As the real one."""
    if TROUBLE == "none":
        raise PortAudioError("Error querying device -1")
    return DEVICES if kind is None else DEVICES[1]


class InputStream:
    """As the real one: calls back in a thread of its own."""

    def __init__(self, *, samplerate: int, channels: int, blocksize: int, callback: Any, **_: Any) -> None:
        if TROUBLE == "busy":
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        self._rate, self._channels, self._size, self._callback = samplerate, channels, blocksize, callback
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def abort(self, ignore_errors: bool = True) -> None:
        self._stopping.set()

    def close(self, ignore_errors: bool = True) -> None:
        self._stopping.set()

    def _run(self) -> None:
        began, number = time.monotonic(), 0
        used = began
        status = SimpleNamespace(input_overflow=False)
        while not self._stopping.is_set():
            heard_at = began + number * self._size / self._rate
            if RECORDING and not (Path(RECORDING).exists() and Path(RECORDING).stat().st_size):
                used = heard_at
            if TROUBLE == "unplugged" and heard_at - used > 1:
                return
            time.sleep(max(0.0, heard_at + self._size / self._rate - time.monotonic()))
            tone = 9000 * np.sin(np.arange(self._size) * 0.1)
            samples = np.repeat(tone.astype(np.int16)[:, None], self._channels, axis=1)
            times = SimpleNamespace(currentTime=time.monotonic(), inputBufferAdcTime=heard_at)
            self._callback(samples, self._size, times, status)
            number += 1
