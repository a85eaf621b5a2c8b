"""Stand-ins for a microphone, and reading recordings back."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np

from live.recording.sound import SoundBlock

RATE = 48_000
BLOCK_S = 0.02

#: Seconds that a click lasts.
_CLICK_S = 0.002


class Clicks:
    """A source of sound in which clicks are heard at known moments, as a test lets time pass.

    Args:
        clicks: `time.monotonic()` of each.
        begins: when it is switched on.
        rate: samples a second that it claims.
        drift: by which share its clock runs fast.
        late: seconds by which each block comes late, in turn.
    """

    def __init__(
        self,
        clicks: Iterable[float],
        *,
        begins: float,
        rate: int = RATE,
        drift: float = 0.0,
        late: Iterable[float] = (0.0,),
    ) -> None:
        self.name, self.failure, self.closed = "clicks", "", False
        self._rate, self._begins, self._late = rate, begins, list(late)
        self._true_rate = rate * (1 + drift)
        self._clicks = np.sort(np.array(list(clicks)))
        self._count = 0
        self._number = 0
        self._lock = threading.Lock()
        self._waiting: list[SoundBlock] = []
        self._lose: list[tuple[float, float]] = []

    def lose(self, begins: float, ends: float) -> None:
        """What is heard between these moments is lost."""
        self._lose.append((begins, ends))

    def hear(self, until: float) -> None:
        """Time passes up to this moment; blocks come as far as they are not late."""
        size = round(self._rate * BLOCK_S)
        with self._lock:
            while True:
                first = self._begins + self._count / self._true_rate
                late = self._late[self._number % len(self._late)]
                if first + BLOCK_S + late > until:
                    return
                if any(begins <= first < ends for begins, ends in self._lose):
                    self._lost = True
                else:
                    block = SoundBlock(self._samples(size), self._rate, first + late, lost=self._lost)
                    self._waiting.append(block)
                    self._lost = False
                self._count += size
                self._number += 1

    _lost = False

    def blocks(self) -> list[SoundBlock]:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting

    def close(self) -> None:
        self.closed = True

    def _samples(self, size: int) -> Any:
        times = self._begins + (self._count + np.arange(size)) / self._true_rate
        since = times - self._clicks[np.maximum(0, np.searchsorted(self._clicks, times, side="right") - 1)]
        return np.where((since >= 0) & (since < _CLICK_S), 20_000, 0).astype(np.int16)


def heard(path: Path) -> np.ndarray:
    """When clicks begin in a recording, in seconds on its own clock."""
    with av.open(str(path)) as container:
        parts = [(float(frame.time), frame.to_ndarray()[0]) for frame in container.decode(audio=0)]
    loud: list[float] = []
    for begins, samples in parts:
        for place in np.flatnonzero(np.abs(samples) > 0.25):
            at = begins + place / RATE
            if not loud or at - loud[-1] > 0.1:
                loud.append(at)
    return np.array(loud)


def loudness(path: Path) -> tuple[float, float]:
    """Seconds of sound in a recording, and its loudest sample, 0 to 1."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in frames)
    return float(frames[-1].time) + frames[-1].samples / RATE - float(frames[0].time), loudest


def seen(path: Path) -> np.ndarray:
    """When flashes begin in a recording, in seconds on its own clock."""
    flashes, before = [], False
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            bright = frame.to_ndarray(format="gray").mean() > 128
            if bright and not before:
                flashes.append(float(frame.time))
            before = bright
    return np.array(flashes)
