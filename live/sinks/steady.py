"""A constant frame rate out of frames that come when they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from live.frames import OutputFrame

#: After the machine slept or was overloaded, so many periods are made up for: more frames at once help nobody.
_CAUGHT_UP = 2


class SteadyRate:
    """Passes on exactly one frame in each period: the newest, and where none has come, the last one again.

    A frame that comes when its period is still empty is passed on at once and in the caller's thread, so that
    nothing is delayed as long as frames keep coming at the rate. One that comes too early waits for the next
    period, and gives way to a newer one. Nothing is passed on before the first frame.

    Args:
        put: passes on a frame; called in one thread at a time.
        rate: frames per second.
    """

    def __init__(self, put: Callable[[OutputFrame], None], rate: float) -> None:
        self._put = put
        self._period = 1 / rate
        self._newest: OutputFrame | None = None
        self._waiting = False
        self._failure: Exception | None = None
        self._stopping = False
        #: When the next period begins that has no frame yet.
        self._begins = time.monotonic()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._keep_up, name="steady rate", daemon=True)
        self._thread.start()

    def send(self, frame: OutputFrame) -> None:
        """Take the newest frame.

        Raises:
            Exception: whatever passing on this frame, or repeating an earlier one, has raised.
        """
        with self._changed:
            if self._failure is not None:
                raise self._failure
            self._newest = frame
            if time.monotonic() >= self._begins:
                self._pass_on(frame)
            else:
                self._waiting = True
            self._changed.notify()

    def close(self) -> None:
        """Stop; idempotent. Nothing is passed on afterwards."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _keep_up(self) -> None:
        with self._changed:
            while not self._stopping and self._failure is None:
                if self._newest is None:
                    self._changed.wait()
                    continue
                due = self._begins if self._waiting else self._begins + self._period
                left = due - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                try:
                    self._pass_on(self._newest)
                except Exception as error:  # carried to the thread that sends
                    self._failure = error

    def _pass_on(self, frame: OutputFrame) -> None:
        self._waiting = False
        self._begins += self._period
        self._begins = max(self._begins, time.monotonic() - _CAUGHT_UP * self._period)
        self._put(frame)
