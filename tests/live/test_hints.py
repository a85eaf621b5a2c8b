from __future__ import annotations

import numpy as np
import pytest

from fomm import resources
from fomm.animators.base import Landmarks
from fomm.landmarks import rotation_matrix
from live.frames import CapturedFrame, TrackedFrame
from live.hints import Hints, amiss

SIZE = (640, 480)


def face(height: float = 240, at: tuple[float, float] = (320, 240), yaw: float = 0.0) -> Landmarks:
    """The template of a face, `height` pixels high, its middle at `at`, turned by `yaw` degrees."""
    points = np.load(resources.MODELS / "face_template.npy").astype(np.float32)
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    points *= height / np.ptp(points[:, 1])
    points = points @ rotation_matrix(yaw, 0, 0).T.astype(np.float32)
    return np.asarray(points + np.array([*at, 0]), np.float32)


def tracked(landmarks: Landmarks | None, *, light: int = 120, at: float = 0.0) -> TrackedFrame:
    pixels = np.full((SIZE[1], SIZE[0], 3), light, np.uint8)
    return TrackedFrame(CapturedFrame(pixels, 0, 0.0, at), landmarks, 0.0)


@pytest.mark.parametrize(
    ("landmarks", "light", "expected"),
    [
        (face(), 120, []),
        (face(yaw=15), 120, []),
        (None, 120, ["no face: look into the camera"]),
        (None, 10, ["no face: too dark, turn on a light"]),
        (face(70), 120, ["move closer"]),
        (face(430), 120, ["move back a little"]),
        (face(at=(40, 240)), 120, ["move into the picture"]),
        (face(at=(320, 450)), 120, ["move into the picture"]),
        (face(), 25, ["too dark: turn on a light"]),
        (face(yaw=50), 120, ["face the camera"]),
        (face(yaw=-50), 120, ["face the camera"]),
        (face(70, yaw=50), 25, ["move closer", "too dark: turn on a light", "face the camera"]),
    ],
)
def test_what_is_amiss(landmarks: Landmarks | None, light: int, expected: list[str]) -> None:
    assert amiss(tracked(landmarks, light=light)) == expected


def test_the_room_may_be_dark_where_the_face_is_not() -> None:
    frame = tracked(face(), light=5)
    frame.captured.pixels[120:360, 200:440] = 140
    assert amiss(frame) == []


def test_a_hint_is_given_only_when_it_lasts_and_goes_at_once() -> None:
    hints = Hints()
    far = [hints.of(tracked(face(70), at=at)) for at in (0.0, 0.3, 0.5, 0.7)]
    assert far == [(), (), (), ("move closer",)]
    assert hints.of(tracked(face(), at=0.8)) == ()
    assert hints.of(tracked(face(70), at=0.9)) == (), "and waits again"


def test_time_that_jumps_back_does_no_harm() -> None:
    hints = Hints()
    hints.of(tracked(None, at=9.0))
    assert hints.of(tracked(None, at=1.0)) == ()
    assert hints.of(tracked(None, at=1.7)) == ("no face: look into the camera",)
