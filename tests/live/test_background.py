from __future__ import annotations

import threading

import pytest

from live.background import Background


def test_result_waits_for_the_value() -> None:
    go = threading.Event()
    coming = Background(lambda: go.wait(5), name="test")
    assert not coming.wait(0.01)
    go.set()
    assert coming.result() is True
    assert coming.done


def test_result_raises_what_was_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        Background(lambda: 1 / 0, name="test").result()
