"""Choosing among ways that give the same result, by how long each took lately."""

from __future__ import annotations

import statistics
from collections import deque

#: So many of the latest times of each way count.
_REMEMBERED = 5
#: Of so many turns, this many go to another way, to see whether it has become quicker.
_ROUND, _TRIES = 100, 3


class Quickest:
    """Which way to take. What was quick is slow once other programs run, and the other way round: no choice is final.

    Args:
        count: how many ways there are. Each is tried at first.
    """

    def __init__(self, count: int) -> None:
        self._times: list[deque[float]] = [deque(maxlen=_REMEMBERED) for _ in range(count)]
        self._turn = 0

    def choose(self) -> int:
        """The way to take now; tell `took` how long it took."""
        untried = [way for way, times in enumerate(self._times) if len(times) < _TRIES]
        if untried:
            return untried[0]
        best = min(range(len(self._times)), key=lambda way: statistics.median(self._times[way]))
        self._turn += 1
        if len(self._times) > 1 and self._turn % _ROUND < _TRIES:
            others = [way for way in range(len(self._times)) if way != best]
            return others[self._turn // _ROUND % len(others)]
        return best

    def took(self, way: int, seconds: float) -> None:
        """How long a way took."""
        self._times[way].append(seconds)
