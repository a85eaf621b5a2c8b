"""How long this process has been running."""

from __future__ import annotations

import os
import time
from pathlib import Path

_IMPORTED_AT = time.monotonic()


def process_age() -> float:
    """Seconds since the process started; where the system does not tell, since this module was imported."""
    try:
        # Everything after the command name in parentheses, which may itself hold spaces; field 22 of proc(5).
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic() - _IMPORTED_AT


class SourceClock:
    """Where the driving source's clock stands against `time.monotonic`. One thread notes, any may ask."""

    def __init__(self) -> None:
        self._began: float | None = None

    def note(self, timestamp: float, captured_at: float) -> None:
        """A frame of this time on the source's clock, in seconds, was captured then."""
        self._began = captured_at - timestamp

    def monotonic(self, timestamp: float) -> float:
        """`time.monotonic()` at a time of the source's clock; now where nothing has come from it yet."""
        return time.monotonic() if self._began is None else self._began + timestamp
