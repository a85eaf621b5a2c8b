"""Native libraries that chatter on standard error, silenced."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Silence what native libraries print to file descriptor 2 while they start (TensorFlow Lite, OpenCV).

    Python's own messages go through `sys.stderr` and are flushed first, so none of ours is lost. Several
    threads may be inside at once; what others print meanwhile is lost.
    """
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()


class _Silence:
    """File descriptor 2 led nowhere from the first to enter until the last has left, whatever their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved: tuple[int, int] | None = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            # There may be no stderr at all, as in a program without a console.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                fd = sys.__stderr__.fileno() if sys.__stderr__ is not None else 2
                sys.stderr.flush()
                self._saved = fd, os.dup(fd)
                with open(os.devnull, "wb") as null:  # noqa: PTH123 - os.devnull is no Path
                    os.dup2(null.fileno(), fd)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._saved is not None:
                (fd, copy), self._saved = self._saved, None
                os.dup2(copy, fd)
                os.close(copy)


_silence = _Silence()
