from __future__ import annotations

import threading
import time

import pytest

from live.slot import Slot


def test_replace_keeps_the_latest_and_counts_what_it_drops() -> None:
    slot: Slot[int] = Slot()
    for value in range(5):
        slot.replace(value)
    assert slot.take(0) == 4
    assert slot.take(0) is None
    assert slot.dropped == 4


def test_put_waits_and_loses_nothing() -> None:
    slot: Slot[int] = Slot()

    def give() -> None:
        for value in range(20):
            slot.put(value)
        slot.close()

    threading.Thread(target=give, daemon=True).start()
    taken = []
    while not slot.ended:
        value = slot.take(1)
        if value is not None:
            taken.append(value)
    assert taken == list(range(20))
    assert slot.dropped == 0


def test_hand_over_returns_only_when_the_value_was_taken() -> None:
    slot: Slot[str] = Slot()
    handed_over = threading.Event()
    threading.Thread(target=lambda: slot.hand_over("x") and handed_over.set(), daemon=True).start()
    assert not handed_over.wait(0.05)
    assert slot.take(1) == "x"
    assert handed_over.wait(1)


@pytest.mark.parametrize("give", [Slot.put, Slot.hand_over])
def test_closing_frees_a_waiting_giver(give: object) -> None:
    slot: Slot[int] = Slot()
    slot.put(1)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(give(slot, 2)), daemon=True)
    thread.start()
    slot.close()
    thread.join(1)
    assert answers == [False]
    assert not slot.replace(3)


def test_closing_frees_a_waiting_taker() -> None:
    slot: Slot[int] = Slot()
    threading.Timer(0.05, slot.close).start()
    began = time.monotonic()
    assert slot.take(10) is None
    assert time.monotonic() - began < 5


def test_what_was_inside_comes_before_the_error() -> None:
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.close(OSError("gone"))
    assert not slot.ended
    assert slot.take(0) == 1
    with pytest.raises(OSError, match="gone"):
        slot.take(0)
    assert slot.ended
    assert slot.take(0) is None
