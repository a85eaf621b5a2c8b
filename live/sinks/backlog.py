"""A few values between two threads, in order."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """Holds a few values until another thread takes them.

    Args:
        capacity: how many.

    Attributes:
        refused: how many values `offer` turned away.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.refused = 0

    def put(self, value: T) -> bool:
        """Wait for room, then add `value`. False once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._values) < self._capacity)
            return self._add(value)

    def offer(self, value: T) -> bool:
        """Add `value` where there is room, and leave it out where there is none. False once it is closed."""
        with self._changed:
            if not self._closed and len(self._values) >= self._capacity:
                self.refused += 1
                return True
            return self._add(value)

    def take(self, timeout: float) -> T | None:
        """The oldest value, or None where none came within `timeout` seconds or it has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._values) > 0, timeout)
            if not self._values:
                return None
            value = self._values.popleft()
            self._changed.notify_all()
            return value

    def close(self) -> None:
        """No more values; what is inside can still be taken. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Closed, and nothing is left to take."""
        with self._changed:
            return self._closed and not self._values

    def _add(self, value: T) -> bool:
        if self._closed:
            return False
        self._values.append(value)
        self._changed.notify_all()
        return True
