from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.animators.base import Landmarks
from fomm.errors import ConfigError
from fomm.landmarks import EYES, EyeTopology
from live.smoothing import LandmarkSmoother
from tests.live.doubles import face_at

RATE = 30


def follow(smoother: LandmarkSmoother, faces: list[Landmarks], rate: float = RATE) -> list[Landmarks]:
    return [smoother.smooth(face, place / rate) for place, face in enumerate(faces)]


def test_the_first_landmarks_come_back_as_they_are() -> None:
    smoother = LandmarkSmoother()
    assert (smoother.smooth(face_at(50), 0.0) == face_at(50)).all()
    smoother.smooth(face_at(51), 0.1)
    smoother.reset()
    assert (smoother.smooth(face_at(90), 0.2) == face_at(90)).all()


def test_a_still_face_trembles_half_as_much_at_most() -> None:
    rng = np.random.default_rng(1)
    raw = [face_at(50) + rng.normal(0, 0.05, (478, 3)).astype(np.float32) for _ in range(90)]
    smooth = follow(LandmarkSmoother(), raw)
    assert np.std(np.diff(smooth[15:], axis=0)) < 0.5 * np.std(np.diff(raw[15:], axis=0))
    assert np.std(smooth[15:], axis=0).mean() < 0.5 * np.std(raw[15:], axis=0).mean()


def test_smoother_is_calmer_and_zero_is_off() -> None:
    rng = np.random.default_rng(2)
    raw = [face_at(50) + rng.normal(0, 0.05, (478, 3)).astype(np.float32) for _ in range(60)]
    steps = [np.std(np.diff(follow(LandmarkSmoother(by), raw)[15:], axis=0)) for by in (0, 0.25, 0.5, 1)]
    assert steps == sorted(steps, reverse=True)
    assert np.array_equal(follow(LandmarkSmoother(0), raw), raw)


def test_a_moving_face_is_not_late() -> None:
    """15 ms of a head that sways at up to 0.1 face widths a frame are a twentieth of its width."""
    path = [50 + 20 * np.sin(place / 5) for place in range(60)]
    faces = [face_at(x) for x in path]
    late = [np.abs(a - b).max() for a, b in zip(follow(LandmarkSmoother(), faces), faces, strict=True)]
    assert max(late[3:]) < 0.05 * 40


@pytest.mark.parametrize("eye", EYES, ids=["right", "left"])
def test_a_lid_shuts_at_once(eye: EyeTopology) -> None:
    """A blink takes three frames at most: half of it must not be filtered away, though all else keeps still."""
    opened, shut = face_at(50), face_at(50)
    shut[eye.upper, 1] += 4
    smoother = LandmarkSmoother()
    follow(smoother, [opened] * 10)
    moved = smoother.smooth(shut, 10 / RATE) - opened
    assert moved[eye.upper, 1].min() > 0.85 * 4


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1), st.integers(0, 10_000), st.floats(0.001, 2))
def test_it_never_leaves_the_range_of_what_it_was_given(smooth: float, seed: int, elapsed: float) -> None:
    rng = np.random.default_rng(seed)
    faces = [face_at(50) + rng.normal(0, 5, (478, 3)).astype(np.float32) for _ in range(6)]
    smoothed = np.stack(follow(LandmarkSmoother(smooth), faces, 1 / elapsed))
    assert smoothed.dtype == np.float32
    assert (smoothed >= np.min(faces, axis=0) - 1e-3).all()
    assert (smoothed <= np.max(faces, axis=0) + 1e-3).all()


def test_time_that_does_not_grow_starts_afresh() -> None:
    smoother = LandmarkSmoother()
    smoother.smooth(face_at(50), 1.0)
    assert (smoother.smooth(face_at(90), 1.0) == face_at(90)).all()


@pytest.mark.parametrize("smooth", [-0.1, 1.01, float("nan")])
def test_what_is_out_of_range_is_refused(smooth: float) -> None:
    with pytest.raises(ConfigError, match="--smooth"):
        LandmarkSmoother(smooth)
