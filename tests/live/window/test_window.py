"""The real command with its real window, on a display without a screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from live.window.style import ACCENT, TONES
from tests.live.conftest import Running, Screen


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=2) <= 12).sum())


def test_the_window_shows_the_driver_the_result_and_the_help(
    start: Callable[..., Running], screen: Screen, avatar: Path, clip: Path
) -> None:
    running = start(
        *("--avatar", avatar, "--camera", clip, "--loop", "--sink", "window"), **screen.environment
    )
    driven = screen.wait_for(lambda seen: count(seen[:, :640], TONES["good"]) > 150)
    assert count(driven[:60, 640:1280], (255, 255, 255)) > 50, "the numbers"
    assert count(driven[:400, 640:1280], TONES["good"]) < 50, "no corners over the result"
    before = count(driven, ACCENT)
    screen.press("question")
    screen.wait_for(lambda seen: count(seen, ACCENT) > before + 300)
    screen.press("q")
    assert running.finish().status == 0


def test_without_a_display_the_window_is_refused(
    fomm_live: Callable[..., object], avatar: Path, clip: Path
) -> None:
    done = fomm_live("--avatar", avatar, "--camera", clip, "--sink", "window")
    assert done.status == 2  # type: ignore[attr-defined]
    assert "no preview window" in done.stderr  # type: ignore[attr-defined]
