"""A terminal under Linux and macOS: characters as they are typed, and everything put back afterwards."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import termios
import time
import tty
from types import FrameType
from typing import Any

from live.terminal.decoding import Decoder

_AT_ONCE = 1024


class PosixTerminal:
    """Reads keys from a terminal, unless the session runs in its background.

    Lines are neither waited for nor echoed; Ctrl-C and Ctrl-Z go on to work. Whatever ends or suspends the
    process in a way that Python sees, the terminal gets back the state in which it was found.

    Args:
        descriptor: of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = Decoder()
        self._found: list[Any] | None = None
        self._gone = False
        self._before: dict[signal.Signals, Any] = {}
        with contextlib.suppress(ValueError):  # another thread than the main one gets no signals
            self._before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._suspend)
        atexit.register(self.restore)

    def pressed(self) -> list[str]:
        """Those pressed since the last call."""
        if self._gone:
            return []
        try:
            if not self._in_foreground():
                # The shell has put the terminal in order for itself.
                self._found = None
                return []
            self._prepare()
            return self._decoder.keys(self._received(), time.monotonic())
        except (OSError, termios.error):  # the terminal was closed
            self._gone = True
            return []

    def restore(self) -> None:
        """Put the terminal back as it was found; `pressed` prepares it again. Idempotent."""
        if self._found is not None:
            found, self._found = self._found, None
            with contextlib.suppress(OSError, termios.error):
                if self._in_foreground():
                    termios.tcsetattr(self._descriptor, termios.TCSADRAIN, found)

    def close(self) -> None:
        """Put everything back for good; idempotent."""
        self.restore()
        self._gone = True
        atexit.unregister(self.restore)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _prepare(self) -> None:
        if self._found is None:
            self._found = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def _in_foreground(self) -> bool:
        # A background process that touched its terminal would be stopped.
        return os.tcgetpgrp(self._descriptor) == os.getpgrp()

    def _received(self) -> bytes:
        readable, _, _ = select.select([self._descriptor], [], [], 0)
        if not readable:
            return b""
        received = os.read(self._descriptor, _AT_ONCE)
        if not received:
            raise OSError("end of input")
        return received

    def _suspend(self, number: int, _frame: FrameType | None) -> None:
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here the process stands still until it is told to go on; the next `pressed` prepares the terminal again.
        signal.signal(number, self._suspend)
