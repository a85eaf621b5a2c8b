"""Ctrl-C and other wishes to end, heeded at a moment of our choosing, so that recordings are finished."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupted(BaseException):
    """The user or the system wants the program to end; like `KeyboardInterrupt` no error for `except Exception`.

    Attributes:
        status: what the process exits with, 128 plus the signal's number, as shells do.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


class Interrupts:
    """While active, a first SIGINT, SIGTERM or SIGHUP is noted for `check`; a second ends at once."""

    def __init__(self) -> None:
        self._number: int | None = None
        #: Called before the process ends at once, in the signal handler; must neither wait nor raise.
        self.at_once: Callable[[], None] = lambda: None
        #: Raise `Interrupted` in the main thread at once: for commands that have nothing to finish.
        self.immediate = False
        self._before: dict[int, Any] = {}

    def check(self) -> None:
        """Raise what was noted.

        Raises:
            Interrupted: the program should end.
        """
        if self._number is not None:
            raise Interrupted(self._number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._number is not None:
            self.at_once()
            os._exit(128 + number)
        self._number = number
        if self.immediate:
            self.check()

    def __enter__(self) -> Interrupts:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Only the main thread may; a program that runs us elsewhere keeps its own handlers.
            with contextlib.suppress(ValueError):
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
