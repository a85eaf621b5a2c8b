"""Memory that was used for a while and goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import sys


def give_back() -> None:
    """Hand freed memory back; to be called when something large has ended, such as a recording.

    glibc keeps what a thread has freed, for this thread's successors. Encoders and frames of many sizes come and go
    in many threads here, so that hours of them would look like a leak. Other systems do it by themselves.
    """
    if sys.platform.startswith("linux"):
        # Other C libraries than glibc have no such function.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
