"""Telling the user something while the session goes on."""

from __future__ import annotations

import contextlib
import sys
import threading
import time

#: How long the preview window shows a notice.
_SHOWN_S = 5.0


class Notices:
    """Prints each notice to stderr, one line each, and remembers it for the window. Safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest = ""
        self._told_at = float("-inf")

    def __call__(self, message: str) -> None:
        """Tell `message`."""
        with self._lock:
            self._latest, self._told_at = message, time.monotonic()
            # The terminal may have been closed: a call that goes on is worth more than what nobody reads.
            with contextlib.suppress(OSError):
                print(f"note: {message}", file=sys.stderr, flush=True)

    def show(self, message: str) -> None:
        """Show `message` in the window alone: it answers whoever asked, and need not stay."""
        with self._lock:
            self._latest, self._told_at = message, time.monotonic()

    @property
    def recent(self) -> list[str]:
        """The latest notice while it is fresh."""
        return [self._latest] if time.monotonic() - self._told_at < _SHOWN_S else []
