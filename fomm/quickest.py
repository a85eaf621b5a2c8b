"""Choosing among ways that give the same result, by how long each took lately."""

from __future__ import annotations

import statistics
from collections import deque

#: So many of the latest times of each way count.
_REMEMBERED = 5
#: Another way is tried for so many turns, to see whether it has become quicker.
_TRIES = 3
#: So many turns go by between two tries: few after the choice has changed, for what it went by may have been a
#: moment's work of other programs; twice as many after every try that has not changed it.
_FEWEST, _MOST = 10, 100


class Quickest:
    """Which way to take. What was quick is slow once other programs run, and the other way round: no choice is final.

    Args:
        count: how many ways there are. Each is tried at first.
    """

    def __init__(self, count: int) -> None:
        self._times: list[deque[float]] = [deque(maxlen=_REMEMBERED) for _ in range(count)]
        self._best = 0
        self._other = 0
        self._turns = 0
        self._pause = _FEWEST

    def choose(self) -> int:
        """The way to take now; tell `took` how long it took."""
        untried = [way for way, times in enumerate(self._times) if len(times) < _TRIES]
        if untried:
            return untried[0]
        best = min(range(len(self._times)), key=lambda way: statistics.median(self._times[way]))
        if best != self._best:
            self._best, self._turns, self._pause = best, 0, _FEWEST
        self._turns += 1
        if len(self._times) == 1 or self._turns <= self._pause:
            return best
        if self._turns == self._pause + 1:
            self._other = (self._other + 1) % len(self._times)
            self._other = (self._other + (self._other == best)) % len(self._times)
        if self._turns == self._pause + _TRIES:
            self._turns, self._pause = 0, min(2 * self._pause, _MOST)
        return self._other

    def took(self, way: int, seconds: float) -> None:
        """How long a way took."""
        self._times[way].append(seconds)
