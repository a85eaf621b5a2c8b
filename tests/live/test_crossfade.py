from __future__ import annotations

import numpy as np
import pytest

from live.crossfade import CrossFade
from live.frames import OutputFrame


def level(value: int, size: tuple[int, int] = (4, 6)) -> OutputFrame:
    return OutputFrame(np.full((*size, 3), value, np.uint8))


def test_the_very_next_frame_is_partly_the_new_one_and_the_last_is_wholly() -> None:
    fade = CrossFade(0.25, 25)
    assert fade(level(7), 0.0)[0, 0, 0] == 7
    fade.begin(level(0), 10.0)
    shown = [int(fade(level(250), 10 + k / 25)[0, 0, 0]) for k in range(8)]
    assert shown == [40, 80, 120, 160, 200, 240, 250, 250]
    assert not fade.active


@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_no_time_is_a_cut(seconds: float) -> None:
    fade = CrossFade(seconds, 30)
    fade.begin(level(0), 1.0)
    frame = level(200)
    assert fade(frame, 1.0) is frame


def test_a_clock_set_back_or_another_size_ends_it() -> None:
    fade = CrossFade(1.0, 30)
    fade.begin(level(0), 100.0)
    frame = level(200)
    assert fade(frame, 3.0) is frame
    assert fade(frame, 100.1) is frame
    fade.begin(level(0), 100.0)
    larger = level(200, (8, 12))
    assert fade(larger, 100.1) is larger


def test_a_driving_frame_older_than_what_is_shown_does_not_turn_it_back() -> None:
    """Gaps are filled at the time that it is; a frame has the time at which it was captured, some latency ago."""
    fade = CrossFade(1.0, 10)
    fade.begin(level(0), 5.0)
    shown = [int(fade(level(200), at)[0, 0, 0]) for at in (4.9, 5.0, 5.3, 5.2, 5.4, 5.35)]
    assert shown == [20, 20, 80, 80, 100, 100]
