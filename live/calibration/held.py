"""The neutral pose that is held, and how another one takes its place."""

from __future__ import annotations

from fomm.animators.base import DrivingFrame, Motion

#: Seconds from one neutral pose to the next: short enough to go unnoticed, long enough not to look like a jump.
_EASE_S = 0.6
#: A gap between frames counts as no longer than this, in seconds, so that a source that stalls makes no jump.
_LONGEST_STEP_S = 0.1


class HeldNeutral:
    """Eases from each neutral pose to the next. While one is on its way, no further one can be taken."""

    def __init__(self) -> None:
        self.frame: DrivingFrame | None = None
        self._leaving: DrivingFrame | None = None
        self._level = 1.0
        self._now: float | None = None

    @property
    def easing(self) -> bool:
        """Whether a new neutral pose is still on its way."""
        return self._leaving is not None

    def drop(self) -> None:
        """Hold none."""
        self.frame = self._leaving = None

    def take(self, frame: DrivingFrame, *, ease: bool) -> None:
        """Hold `frame` from now on; without `ease` at once, which is for when nothing of it shows."""
        assert not self.easing
        self._leaving = self.frame if ease else None
        self.frame, self._level = frame, 0.0

    def advance(self, now: float) -> None:
        """Time goes on; `now` in seconds."""
        elapsed = 0.0 if self._now is None else min(max(0.0, now - self._now), _LONGEST_STEP_S)
        self._now = now
        self._level = min(1.0, self._level + elapsed / _EASE_S)
        if self._level == 1.0:
            self._leaving = None

    def motion(self, driving: DrivingFrame, strength: float) -> Motion:
        """What the animator takes."""
        assert self.frame is not None
        if self._leaving is None:
            return Motion(driving, self.frame, strength)
        arrived = self._level * self._level * (3 - 2 * self._level)
        return Motion(driving, self.frame, strength, self._leaving, arrived)
