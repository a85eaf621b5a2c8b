"""Noticing that a camera delivers pictures, but nothing worth seeing."""

from __future__ import annotations

import cv2
import numpy as np

from fomm.animators.base import Frame

#: So long, in seconds, something has to last before the user is told.
_PATIENCE_S = 3.0

#: A covered lens gives noise of a few grey levels; a dark room still has a lamp, a screen, an edge.
_BLACK_MEAN = 12.0
_BLACK_SPREAD = 4.0

#: Every so many pixels are looked at.
_STRIDE = 16

#: Slower than this, in frames a second, motion looks jerky.
_SLOW_FPS = 12.0


class Health:
    """Looks at the frames of one camera and says what is wrong with them, once, and when it is over.

    Args:
        name: the camera's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._slow_told = False
        self.restart()

    def restart(self) -> None:
        """Forget what was seen: the camera was opened anew."""
        self._trouble: str | None = None
        self._black_since: float | None = None
        self._same_since: float | None = None
        self._last: Frame | None = None
        self._counted_from: float | None = None
        self._looked_at = 0.0
        self._count = 0

    def look(self, pixels: Frame, now: float) -> str | None:
        """What to tell the user, if anything.

        Args:
            pixels: `(H, W, 3)` uint8, the newest frame.
            now: seconds on a clock that never jumps.
        """
        sample = pixels[::_STRIDE, ::_STRIDE]
        # The noise of any sensor makes two frames differ somewhere.
        same = self._last is not None and np.array_equal(sample, self._last)
        self._last = sample.copy()
        self._black_since = _since(self._black_since, now, holds=is_black(sample))
        self._same_since = _since(self._same_since, now, holds=same)
        trouble = None
        if _lasts(self._black_since, now):
            trouble = "is black: open its privacy shutter, take off the lens cap, or switch it on by its key"
        elif _lasts(self._same_since, now):
            trouble = "shows the same picture all the time: another program may hold it, or it hangs; plug it in anew"
        if trouble != self._trouble:
            self._trouble = trouble
            return f"{self._name} {trouble or 'shows a moving picture again'}"
        return self._slowness(now)

    def _slowness(self, now: float) -> str | None:
        """Told once: a slow camera mostly stays slow. A pause is another matter."""
        if self._counted_from is None or now - self._looked_at > 1:
            self._counted_from, self._count = now, 0
        self._looked_at = now
        self._count += 1
        elapsed = now - self._counted_from
        if self._slow_told or elapsed < _PATIENCE_S:
            return None
        rate = (self._count - 1) / elapsed
        self._counted_from, self._count = now, 1
        if rate >= _SLOW_FPS:
            return None
        self._slow_told = True
        return (
            f"{self._name} delivers only {rate:.2g} frames a second: more light or another USB port may help"
        )


def is_black(pixels: Frame) -> bool:
    """Whether a picture shows nothing at all, as with a covered lens."""
    mean, spread = cv2.meanStdDev(np.ascontiguousarray(pixels))
    return float(mean.max()) < _BLACK_MEAN and float(spread.max()) < _BLACK_SPREAD


def _since(before: float | None, now: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now if before is None else before


def _lasts(since: float | None, now: float) -> bool:
    return since is not None and now - since >= _PATIENCE_S
