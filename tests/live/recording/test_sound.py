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
        off.append(keeper(block) - true)
    return np.array(off)


@settings(max_examples=60, deadline=None)
@given(
    late=st.lists(st.floats(0, 0.2), min_size=40, max_size=400),
    drift=st.floats(-1e-3, 1e-3),
    every=st.integers(2, 40),
)
def test_blocks_that_come_late_are_timed_by_those_that_do_not(
    late: list[float], drift: float, every: int
) -> None:
    """One block in every so many is in time."""
    late = [0.0 if number % every == 0 else by for number, by in enumerate(late)]
    assert np.abs(timed(late, drift)).max() < 0.005


def test_sound_that_was_lost_is_a_step() -> None:
    off = timed([0.0] * 600, lost_at=300, lost_s=0.5)
    assert np.abs(off).max() < 1e-6


def test_a_loss_that_nobody_told_is_noticed_within_the_window() -> None:
    keeper = Timekeeper()
    off = []
    for number in range(600):
        true = number * BLOCK_S + (0.5 if number >= 300 else 0.0)
        off.append(keeper(SoundBlock(np.zeros(SIZE, np.int16), RATE, true)) - true)
    assert off[299] == pytest.approx(0)
    assert off[305] == pytest.approx(-0.5), "not yet: it may be late"
    assert off[-1] == pytest.approx(0)
