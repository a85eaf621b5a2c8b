from __future__ import annotations

import threading
import time

from live.sinks.backlog import Backlog


def test_values_come_out_in_order() -> None:
    backlog: Backlog[int] = Backlog(3)
    assert all(backlog.put(value) for value in (1, 2, 3))
    assert [backlog.take(0) for _ in range(4)] == [1, 2, 3, None]


def test_what_finds_no_room_is_left_out_and_counted() -> None:
    backlog: Backlog[int] = Backlog(2)
    assert all(backlog.offer(value) for value in (1, 2, 3, 4))
    assert backlog.refused == 2
    assert [backlog.take(0), backlog.take(0), backlog.take(0)] == [1, 2, None]


def test_put_waits_for_room() -> None:
    backlog: Backlog[int] = Backlog(1)
    backlog.put(1)
    threading.Timer(0.2, backlog.take, [0]).start()
    began = time.monotonic()
    assert backlog.put(2)
    assert time.monotonic() - began > 0.1
    assert backlog.take(0) == 2


def test_closing_ends_all_waiting_and_keeps_what_is_inside() -> None:
    backlog: Backlog[int] = Backlog(1)
    backlog.put(1)
    threading.Timer(0.1, backlog.close).start()
    assert not backlog.put(2)
    assert not backlog.offer(3)
    assert (backlog.ended, backlog.take(0), backlog.ended) == (False, 1, True)
    assert backlog.take(5) is None
