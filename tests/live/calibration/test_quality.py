from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.calibration.quality import Quality, UsualEyes, rate
from live.pose import measure
from tests.live.calibration.faces import face


def quality(**pose: Any) -> Quality:
    usual = measure(face()).eyes
    return rate(measure(face(**pose), face()), usual)


def test_a_relaxed_frontal_face_is_nearly_ideal() -> None:
    assert quality().score > 90
    assert quality().advice == ""


@pytest.mark.parametrize(
    ("pose", "advice"),
    [
        ({"yaw": 20}, "face the camera"),
        ({"roll": -18}, "face the camera"),
        ({"mouth": 0.1}, "close your mouth"),
        ({"eyes": 0.3}, "open your eyes and look into the camera"),
    ],
)
def test_what_is_wrong_costs_more_than_half_and_is_said(pose: dict[str, float], advice: str) -> None:
    assert quality(**pose).score < 45
    assert quality(**pose).advice == advice


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 40), st.floats(0, 40))
def test_the_more_it_is_turned_the_worse(a: float, b: float) -> None:
    less, more = sorted((a, b))
    assert quality(yaw=less).score >= quality(yaw=more).score - 1e-3


def test_eyes_are_judged_by_what_is_usual_for_the_person() -> None:
    narrow = UsualEyes()
    assert narrow.opening == UsualEyes.TYPICAL
    for frame in range(200):
        narrow.add(0.05 if frame % 5 == 0 else 0.2)
    assert narrow.opening == pytest.approx(0.2)
    pose = measure(face(eyes=0.2 / measure(face()).eyes))
    assert rate(pose, narrow.opening).eyes > rate(pose, UsualEyes.TYPICAL).eyes
    asleep = UsualEyes()
    for _ in range(200):
        asleep.add(0.04)
    assert asleep.opening == UsualEyes.NARROWEST, "nobody's open eyes are as narrow as shut ones"
