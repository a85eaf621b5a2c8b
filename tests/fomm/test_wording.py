from __future__ import annotations

import pytest

from fomm.wording import counted, measured


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (1000, "1000 frames")]
)
def test_one_is_one_and_the_rest_are_many(number: int, said: str) -> None:
    assert counted(number, "frame") == said


def test_a_plural_of_its_own() -> None:
    assert (counted(1, "person", "people"), counted(2, "person", "people")) == ("1 person", "2 people")


@pytest.mark.parametrize(
    ("fps", "said"), [(58.34, "58.3 FPS"), (1.0, "1.0 FPS"), (0.374, "0.37 FPS"), (0.031, "0.031 FPS")]
)
def test_what_is_slow_is_not_said_to_stand_still(fps: float, said: str) -> None:
    assert measured(fps, "FPS") == said
