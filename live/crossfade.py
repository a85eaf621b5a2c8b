"""One output giving way to the next."""

from __future__ import annotations

import cv2
import numpy as np

from live.frames import OutputFrame

#: By more than this, in seconds, time goes back only where a clock was set.
_SET_BACK_S = 1.0


class CrossFade:
    """Blends from the frame that was shown last into those that come.

    Args:
        seconds: how long it takes; 0 cuts.
        rate: frames per second: already the first frame is partly the new one.
    """

    def __init__(self, seconds: float, rate: float) -> None:
        self._seconds, self._first = seconds, 1 / rate
        self._from: OutputFrame | None = None
        self._began = self._latest = 0.0

    @property
    def active(self) -> bool:
        """Whether it has not come to its end yet."""
        return self._from is not None

    def begin(self, shown: OutputFrame, now: float) -> None:
        """From now on, in seconds, blend away from what is shown."""
        self._from = shown if self._seconds > 0 else None
        self._began = self._latest = now

    def end(self) -> None:
        """Show what comes as it is."""
        self._from = None

    def __call__(self, frame: OutputFrame, now: float) -> OutputFrame:
        """What to show of `frame` at `now`: it itself once the fade is over."""
        if self._from is None:
            return frame
        # A driving frame is older than the repetition shown just before it: the blend must not go back for that.
        set_back = now < self._latest - _SET_BACK_S
        self._latest = max(self._latest, now)
        share = (self._latest - self._began + self._first) / self._seconds
        if share >= 1 or set_back or self._from.shape != frame.shape:
            self._from = None
            return frame
        return OutputFrame(np.asarray(cv2.addWeighted(self._from, 1 - share, frame, share, 0), np.uint8))
