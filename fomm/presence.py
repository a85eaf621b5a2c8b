"""What happens to the picture when the driver's face is lost and found."""

from __future__ import annotations


class Presence:
    """The lost-face policy: how much of the driver's motion is shown, from 0 to 1, without ever jumping.

    While a face is there, 1. When it is lost, the last frame is held for `hold` seconds, then eased back to
    the neutral portrait within `out` more, together less than a second; a face that returns is eased in
    within `back`. `dip` eases out and in again on purpose, so that the neutral pose can change at the bottom.

    Time is whatever clock the caller passes, in seconds; steps backwards count as no time.
    """

    def __init__(self, *, hold: float = 0.3, out: float = 0.6, back: float = 0.4) -> None:
        self._hold, self._out, self._back = hold, out, back
        self._level = 0.0
        self._now: float | None = None
        self._lost_at: float | None = None
        self._dipping = False

    @property
    def strength(self) -> float:
        """What `Motion.eased` takes."""
        return self._level * self._level * (3 - 2 * self._level)

    @property
    def holding(self) -> bool:
        """Lost so recently that the last frame is held as it is."""
        return self._lost_at is not None and not self._dipping and not self._is_over_hold()

    def begin(self) -> None:
        """Go to full strength at once: the driver is in the neutral pose, so nothing can jump."""
        self._level = 1.0

    def dip(self) -> None:
        """Ease to the neutral portrait and back."""
        self._dipping = True

    def update(self, now: float, *, face: bool) -> float:
        """The strength at time `now`, given whether the face is there."""
        elapsed = 0.0 if self._now is None else max(0.0, now - self._now)
        self._now = now if self._now is None else max(self._now, now)
        if face:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = self._now
        if self._dipping or (self._lost_at is not None and self._is_over_hold()):
            self._level = max(0.0, self._level - elapsed / self._out)
        elif self._lost_at is None:
            self._level = min(1.0, self._level + elapsed / self._back)
        if self._level == 0.0:
            self._dipping = False
        return self.strength

    def _is_over_hold(self) -> bool:
        assert self._now is not None
        return self._lost_at is not None and self._now - self._lost_at > self._hold
