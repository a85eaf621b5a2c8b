from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.recording.sound import SoundBlock, Timekeeper

SIZE, RATE = 480, 48_000
BLOCK_S = SIZE / RATE


def timed(late: list[float], drift: float = 0.0, lost_at: int = -1, lost_s: float = 0.0) -> np.ndarray:
    """How far each block's time is off, in seconds."""
    keeper = Timekeeper()
    off = []
    for number, by in enumerate(late):
        true = 100 + number * BLOCK_S * (1 + drift) + (lost_s if 0 <= lost_at <= number else 0.0)
        block = SoundBlock(np.zeros(SIZE, np.int16), RATE, true + by, lost=number == lost_at)
        off.append(keeper.heard_at(keeper.note(block)) - true)
    return np.array(off)


@settings(max_examples=60, deadline=None)
@given(
    off=st.lists(st.floats(0.002, 0.2), min_size=300, max_size=300),
    drift=st.floats(-1e-3, 1e-3),
    late=st.integers(0, 6),
    early=st.integers(0, 2),
)
def test_blocks_with_a_wrong_time_are_timed_by_the_others(
    off: list[float], drift: float, late: int, early: int
) -> None:
    """Of ten blocks, so many are late, and so many early."""
    wrong = [
        by if number % 10 < late else -by if number % 10 >= 10 - early else 0.0
        for number, by in enumerate(off)
    ]
    assert np.abs(timed(wrong, drift)[200:]).max() < 0.005


def test_sound_that_was_lost_is_a_step() -> None:
    off = timed([0.0] * 600, lost_at=300, lost_s=0.5)
    assert np.abs(off).max() < 1e-6


def test_a_loss_that_nobody_told_is_noticed_within_the_window() -> None:
    keeper = Timekeeper()
    off = []
    for number in range(600):
        true = number * BLOCK_S + (0.5 if number >= 300 else 0.0)
        block = SoundBlock(np.zeros(SIZE, np.int16), RATE, true)
        off.append(keeper.heard_at(keeper.note(block)) - true)
    assert off[299] == pytest.approx(0)
    assert off[305] == pytest.approx(-0.5), "not yet: it may be late"
    assert off[-1] == pytest.approx(0)


def test_a_driver_that_is_wrong_at_first_is_not_believed() -> None:
    keeper = Timekeeper()
    positions = []
    for number in range(140):
        true = 7 + number * BLOCK_S
        wrong = -0.6 if number < 90 else 0.0
        positions.append(keeper.note(SoundBlock(np.zeros(SIZE, np.int16), RATE, true + wrong)))
        assert keeper.settled == (number >= 120)
    assert [keeper.heard_at(position) for position in positions[:3]] == pytest.approx([7, 7.01, 7.02])
