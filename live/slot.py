"""A place for one value between two threads, so that nothing can queue."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds at most one value. One thread gives, another takes.

    The giver chooses what happens to a value that nobody has taken yet: `replace` drops it (latest wins),
    `put` waits for it to go, `hand_over` also waits for the new one to be taken.

    Attributes:
        dropped: how many values `replace` pushed out.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: T | None = None
        self._closed = False
        self._error: Exception | None = None
        self.dropped = 0

    def replace(self, value: T) -> bool:
        """Put `value` in, dropping the one inside. False once the slot is closed."""
        with self._changed:
            if self._closed:
                return False
            self.dropped += self._value is not None
            self._value = value
            self._changed.notify_all()
            return True

    def put(self, value: T) -> bool:
        """Wait until the slot is empty, then put `value` in. False once the slot is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._value is None)
            if self._closed:
                return False
            self._value = value
            self._changed.notify_all()
            return True

    def hand_over(self, value: T) -> bool:
        """`put`, then wait until `value` was taken. False once the slot is closed before that."""
        if not self.put(value):
            return False
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._value is not value)
            return self._value is not value

    def take(self, timeout: float) -> T | None:
        """The value, or None where none came within `timeout` seconds or the slot has ended.

        Raises:
            Exception: what the giver closed the slot with.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._value is None and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            value, self._value = self._value, None
            if value is None and self._error is not None:
                error, self._error = self._error, None
                raise error
            self._changed.notify_all()
            return value

    def close(self, error: Exception | None = None) -> None:
        """No more values: givers stop waiting; what is inside can still be taken. Idempotent.

        Args:
            error: what `take` raises once the slot is empty.
        """
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Closed, and nothing is left to take."""
        with self._changed:
            return self._closed and self._value is None and self._error is None
