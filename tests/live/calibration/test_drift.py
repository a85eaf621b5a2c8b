from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.animators.base import Landmarks
from live.calibration.drift import Drift, DriftWatch
from tests.live.calibration.faces import face


def follow(path: Callable[[float], Landmarks], seconds: float, rate: float = 15) -> Iterator[Drift | None]:
    watch = DriftWatch()
    for now in np.arange(0, seconds, 1 / rate):
        yield watch.update(float(now), face(), path(float(now)))


@pytest.mark.parametrize(
    ("pose", "words"),
    [
        ({"scale": 1.3}, "30 % larger"),
        ({"scale": 0.7}, "30 % smaller"),
        ({"at": (430, 240)}, "sit elsewhere"),
        ({"pitch": 20.0}, "from another side"),
    ],
)
def test_what_lasts_is_noticed_once_it_has_lasted(pose: dict[str, float], words: str) -> None:
    found = list(follow(lambda _: face(**pose), 12))  # type: ignore[arg-type]
    assert not any(found[: 15 * 7])
    assert found[-1] is not None
    assert words in str(found[-1])


def test_leaning_over_for_a_while_is_no_drift() -> None:
    def leans(now: float) -> Landmarks:
        return face(scale=1.5, at=(450, 240)) if now % 10 < 6 else face()

    assert not any(follow(leans, 40))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.9, 1.1), st.floats(-50, 50), st.floats(-10, 10), st.floats(0, 0.1))
def test_sitting_about_where_one_sat_is_none(scale: float, aside: float, yaw: float, mouth: float) -> None:
    def sways(now: float) -> Landmarks:
        return face(scale=scale, at=(320 + aside * np.sin(now), 240), yaw=yaw, mouth=mouth)

    assert not any(follow(sways, 12, rate=6))


def test_a_gap_in_time_starts_it_afresh() -> None:
    watch, away = DriftWatch(), face(scale=1.5)
    for now in (*np.arange(0, 7.5, 0.2), 30.0, 31.0):
        assert watch.update(float(now), face(), away) is None
