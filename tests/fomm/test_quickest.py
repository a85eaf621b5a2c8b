"""The quicker way is taken, whichever that is at the moment."""

from __future__ import annotations

from collections import Counter

import pytest

from fomm.quickest import Quickest


def taken(quickest: Quickest, seconds: tuple[float, ...], turns: int) -> Counter[int]:
    """How often each way is taken while they take so long."""
    ways: Counter[int] = Counter()
    for _ in range(turns):
        way = quickest.choose()
        quickest.took(way, seconds[way])
        ways[way] += 1
    return ways


@pytest.mark.parametrize("seconds", [(0.005, 0.003), (0.003, 0.005), (3.0, 9.0, 1.0, 4.0)])
def test_nearly_all_turns_go_to_the_quickest(seconds: tuple[float, ...]) -> None:
    ways = taken(Quickest(len(seconds)), seconds, 1000)
    assert ways[seconds.index(min(seconds))] > 950
    assert all(ways[way] > 0 for way in range(len(seconds)))


def test_one_that_becomes_slow_is_left_within_a_few_turns() -> None:
    quickest = Quickest(2)
    taken(quickest, (0.005, 0.003), 500)
    assert taken(quickest, (0.005, 0.013), 20)[0] > 10


def test_what_was_slow_on_a_busy_machine_is_found_again() -> None:
    quickest = Quickest(2)
    taken(quickest, (0.005, 0.013), 500)
    taken(quickest, (0.005, 0.003), 110)
    assert taken(quickest, (0.005, 0.003), 100)[1] > 90


def test_a_choice_that_a_busy_moment_spoilt_is_soon_another() -> None:
    """Such as the very first one."""
    quickest = Quickest(2)
    taken(quickest, (0.005, 0.013), 6)
    assert taken(quickest, (0.005, 0.003), 30)[1] > 15


def test_a_single_slow_turn_changes_nothing() -> None:
    quickest = Quickest(2)
    taken(quickest, (0.005, 0.003), 50)
    quickest.took(1, 0.5)
    assert taken(quickest, (0.005, 0.003), 20)[1] >= 17  # the others are tries


def test_a_single_way_is_always_taken() -> None:
    assert taken(Quickest(1), (0.1,), 300) == {0: 300}
