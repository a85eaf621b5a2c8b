from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fomm.animators.base import Frame
from live.sources.health import Health

RNG = np.random.default_rng(0)
SHAPE = (120, 160, 3)


def room() -> Frame:
    """A new picture each time, as of any real camera."""
    return RNG.integers(60, 190, SHAPE, np.uint8)


def covered() -> Frame:
    """A lens behind a shutter: black with a little noise."""
    return RNG.integers(0, 6, SHAPE, np.uint8)


def night() -> Frame:
    """A dark room with a screen in it."""
    picture = RNG.integers(0, 6, SHAPE, np.uint8)
    picture[30:60, 40:80] += 60
    return picture


STILL = room()


def told(
    seconds: float, picture: Callable[[], Frame], health: Health, *, start: float = 0, rate: float = 30
) -> list[str]:
    said = [health.look(picture(), start + place / rate) for place in range(round(seconds * rate))]
    return [remark for remark in said if remark is not None]


@pytest.mark.parametrize("picture", [room, night])
def test_a_good_camera_says_nothing(picture: Callable[[], Frame]) -> None:
    assert told(30, picture, Health("Cam")) == []


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (covered, "Cam is black: open its privacy shutter"),
        (lambda: STILL, "Cam shows the same picture all the time"),
    ],
    ids=["black", "frozen"],
)
def test_trouble_is_told_once_and_when_it_is_over(picture: Callable[[], Frame], words: str) -> None:
    health = Health("Cam")
    assert told(2.5, picture, health) == []  # it may pass
    (said,) = told(20, picture, health, start=2.5)
    assert said.startswith(words)
    assert told(5, room, health, start=30) == ["Cam shows a moving picture again"]


def test_black_and_still_is_called_black() -> None:
    (said,) = told(10, lambda: np.zeros(SHAPE, np.uint8), Health("Cam"))
    assert "black" in said


def test_a_passing_fade_is_not_told() -> None:
    health = Health("Cam")
    for start in range(0, 40, 4):
        assert told(2, covered, health, start=start) == []
        assert told(2, room, health, start=start + 2) == []


def test_a_slow_camera_is_told_once() -> None:
    health = Health("Cam")
    (said,) = told(30, room, health, rate=7)
    assert said.startswith("Cam delivers only 7 frames a second")
    health.restart()
    assert told(10, room, health, start=40, rate=7) == []


def test_a_new_connection_begins_anew() -> None:
    health = Health("Cam")
    assert told(2.5, lambda: STILL, health) == []
    health.restart()
    assert told(2.5, lambda: STILL, health, start=2.5) == []


def test_a_new_size_is_no_trouble() -> None:
    health = Health("Cam")
    assert told(5, room, health) == []
    assert told(5, lambda: RNG.integers(0, 255, (60, 80, 3), np.uint8), health, start=5) == []
