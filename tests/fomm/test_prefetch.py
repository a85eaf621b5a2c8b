"""Items made ahead in a thread: all of them, in order, and no thread is left behind however the loop ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from fomm.prefetch import prefetch


class Counter:
    """Counts for ever, and knows whether it was closed."""

    def __init__(self) -> None:
        self.closed_by: str | None = None

    def __iter__(self) -> Iterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            self.closed_by = threading.current_thread().name


def alive() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_items_come_in_order() -> None:
    assert list(prefetch(range(20))) == list(range(20))
    assert not alive()


def test_an_error_comes_in_its_place() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    items = prefetch(failing())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)
    assert not alive()


def test_leaving_early_closes_what_made_the_items() -> None:
    counter = Counter()
    with closing(prefetch(counter)) as items:
        assert next(items) == 0
    assert counter.closed_by == "prefetch"
    assert not alive()


def test_ctrl_c_while_the_thread_starts_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    counter = Counter()
    with pytest.raises(KeyboardInterrupt), closing(prefetch(counter)) as items:
        next(items)
    assert counter.closed_by == "prefetch"
    assert not alive()
