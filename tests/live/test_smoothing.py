from __future__ import annotations

import numpy as np

from live.smoothing import LandmarkSmoother
from tests.live.doubles import face_at

RATE = 30


def test_the_first_landmarks_come_back_as_they_are() -> None:
    smoother = LandmarkSmoother()
    assert (smoother.smooth(face_at(50), 0.0) == face_at(50)).all()
    smoother.smooth(face_at(51), 0.1)
    smoother.reset()
    assert (smoother.smooth(face_at(90), 0.2) == face_at(90)).all()


def test_a_still_face_trembles_less() -> None:
    rng = np.random.default_rng(1)
    smoother = LandmarkSmoother()
    raw = [face_at(50) + rng.normal(0, 0.05, (478, 3)).astype(np.float32) for _ in range(60)]
    smooth = [smoother.smooth(landmarks, place / RATE) for place, landmarks in enumerate(raw)]
    assert np.std(np.diff(smooth[5:], axis=0)) < 0.6 * np.std(np.diff(raw[5:], axis=0))


def test_a_moving_face_is_not_late() -> None:
    smoother = LandmarkSmoother()
    path = [50 + 20 * np.sin(place / 5) for place in range(60)]
    late = [
        np.abs(smoother.smooth(face_at(x), place / RATE) - face_at(x)).max() for place, x in enumerate(path)
    ]
    assert max(late[3:]) < 0.05 * 40, "less than a twentieth of the face's width"


def test_a_lid_shuts_at_once() -> None:
    """A blink takes three frames at most: half of it must not be filtered away."""
    smoother = LandmarkSmoother()
    opened, shut = face_at(50), face_at(50)
    shut[159, 1] += 4
    for place in range(10):
        smoother.smooth(opened, place / RATE)
    moved = smoother.smooth(shut, 10 / RATE)[159, 1] - opened[159, 1]
    assert moved > 0.85 * 4


def test_time_that_does_not_grow_starts_afresh() -> None:
    smoother = LandmarkSmoother()
    smoother.smooth(face_at(50), 1.0)
    assert (smoother.smooth(face_at(90), 1.0) == face_at(90)).all()
