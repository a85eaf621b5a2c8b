"""Asking twice before something that must not happen by accident."""

from __future__ import annotations

#: Seconds in which the second press must come.
_WITHIN_S = 5.0

#: A key that is held repeats itself: sooner than this after a press is no second one, and a press is one only
#: if no other follows within the quiet time.
_APART_S, _QUIET_S = 0.7, 0.3


class Confirmation:
    """Two separate presses of a key, and never one that is held or a hand on the keyboard."""

    def __init__(self) -> None:
        self._last = self._first = self._second = float("-inf")

    def press(self, now: float) -> bool:
        """Note a press at `now`, in seconds. True where it is the first one, so that the user must be asked."""
        since, self._last = now - self._last, now
        self._second = float("-inf")
        if now - self._first > _WITHIN_S:
            self._first = now
        elif since < _APART_S:
            self._first = now  # held: ask for a second press anew
        else:
            self._second = now
            return False
        return True

    def given(self, now: float) -> bool:
        """Whether both presses have come; true once."""
        if self._second == float("-inf") or now - self._second < _QUIET_S:
            return False
        self._first = self._second = float("-inf")
        return True
