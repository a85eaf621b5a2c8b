"""Running a stage of a pipeline ahead of its consumer, in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

_END = object()

#: A thread that has not begun after so many seconds was never started.
_BEGIN_S = 1.0


def prefetch(items: Iterable[T], *, depth: int = 2) -> Generator[T, None, None]:
    """The same items in the same order, made in a background thread up to `depth` ahead.

    Worth it where making an item spends its time in native code that lets other threads run. An error raised
    by `items` is raised here, in its place. Leaving the loop early stops the thread before control returns;
    an `items` that is a generator is closed by the thread that ran it.
    """
    made: queue.Queue[object] = queue.Queue(depth)
    begun, stopped = threading.Event(), threading.Event()

    def put(item: object) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=0.05)
                return

    def work() -> None:
        begun.set()
        iterator = iter(items)
        try:
            for item in iterator:
                put(item)
                if stopped.is_set():
                    break
            last: object = _END
        except BaseException as error:
            last = _Raised(error)
        if close := getattr(iterator, "close", None):
            close()
        put(last)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    try:
        thread.start()
        while (item := made.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        # Ctrl-C may come while the thread is starting. One that is left in native code when Python ends is killed
        # there, and takes the process with it.
        if begun.wait(_BEGIN_S):
            thread.join()


class _Raised:
    """Carries an error from the thread where it happened to the thread that waits for the item."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
