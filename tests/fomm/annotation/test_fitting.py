from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.annotation import BY_NAME, KEY_POINTS, POINTS, fit_face, points_of
from fomm.annotation.fitting import face_template
from fomm.errors import ConfigError
from fomm.landmarks import EYES, LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP, face_triangles
from tests.fomm.faces import collins

KEYS = [point.name for point in KEY_POINTS]


def key_points(scale: float = 300.0, turn: float = 0.0, at: tuple[float, float] = (400, 350)) -> dict:
    """The key points of the mean face, somewhere in a picture."""
    c, s = np.cos(turn) * scale, np.sin(turn) * scale
    places = points_of(face_template())
    return {
        name: (c * x - s * y + at[0], s * x + c * y + at[1])
        for name, (x, y) in places.items()
        if name in KEYS
    }


def mirrored(points: dict, middle: float = 400.0) -> dict:
    return {BY_NAME[name].twin or name: (2 * middle - x, y) for name, (x, y) in points.items()}


def areas(landmarks: np.ndarray) -> np.ndarray:
    a, b, c = (landmarks[face_triangles()[:, k], :2] for k in range(3))
    return np.cross(b - a, c - a)


@given(st.floats(60, 900), st.floats(-0.6, 0.6))
@settings(max_examples=25, deadline=None)
def test_the_mean_faces_own_points_give_the_mean_face_back(scale: float, turn: float) -> None:
    fitted = fit_face(key_points(scale, turn)).landmarks
    c, s = np.cos(turn) * scale, np.sin(turn) * scale
    expected = face_template()[:, :2] @ np.array([[c, s], [-s, c]]) + [400, 350]
    skin = np.setdiff1d(np.arange(468), np.concatenate([*(eye.outline for eye in EYES), LIPS]))
    # Not to the bit: the nose's underside, which is turned away in the mean face too, is unfolded.
    off = np.linalg.norm(fitted[skin, :2] - expected[skin], axis=1)
    assert off.max() < 0.04 * scale
    assert np.median(off) < 1e-3 * scale
    assert np.allclose(fitted[:, 2], face_template()[:, 2] * scale, atol=0.02 * scale)


@given(
    st.dictionaries(
        st.sampled_from([point.name for point in POINTS if point.name not in KEYS]),
        st.tuples(st.floats(-12, 12), st.floats(-12, 12)),
        max_size=8,
    ),
    st.lists(st.tuples(st.floats(-15, 15), st.floats(-15, 15)), min_size=8, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_any_careless_hand_gives_a_face_whose_eyes_and_mouth_can_shut_and_open(
    moves: dict, slips: list
) -> None:
    points = {
        name: (x + dx, y + dy) for (name, (x, y)), (dx, dy) in zip(key_points().items(), slips, strict=True)
    }
    guessed = fit_face(points).points
    points |= {name: (guessed[name][0] + dx, guessed[name][1] + dy) for name, (dx, dy) in moves.items()}
    face = fit_face(points).landmarks
    assert np.isfinite(face).all()
    for eye in EYES:
        corners = face[eye.inner, :2] - face[eye.outer, :2]
        down = np.array([-corners[1], corners[0]]) * (1 if corners[0] > 0 else -1) / np.hypot(*corners)
        gaps = (face[eye.lower, :2] - face[eye.upper, :2]) @ down
        assert (gaps > 0).all()
        assert gaps.max() > 0.1 * np.hypot(*corners)
    corners = face[308, :2] - face[78, :2]
    down = np.array([-corners[1], corners[0]]) / np.hypot(*corners)
    assert ((face[LOWER_INNER_LIP, :2] - face[UPPER_INNER_LIP, :2]) @ down > -0.5).all()
    assert (face[17, :2] - face[0, :2]) @ down > 0.05 * np.hypot(*corners)


@given(st.floats(-25, 25), st.floats(-25, 25))
@settings(max_examples=20, deadline=None)
def test_a_mirrored_picture_gives_the_mirrored_face(dx: float, dy: float) -> None:
    points = key_points(turn=0.1)
    x, y = fit_face(points).points["right_brow_outer"]
    points["right_brow_outer"] = (x + dx, y + dy)
    face, other = fit_face(points), fit_face(mirrored(points))
    for name, place in mirrored(face.points).items():
        assert np.allclose(other.points[name], place, atol=1.0), name


def test_what_was_placed_is_where_it_was_placed_and_the_other_side_follows() -> None:
    points = key_points()
    before = fit_face(points).points
    x, y = before["right_brow_middle"]
    after = fit_face({**points, "right_brow_middle": (x - 6, y - 20)})
    assert after.points["right_brow_middle"] == pytest.approx((x - 6, y - 20))
    assert after.landmarks[[105, 52], :2].mean(axis=0) == pytest.approx((x - 6, y - 20), abs=1)
    twin = np.subtract(after.points["left_brow_middle"], before["left_brow_middle"])
    assert twin == pytest.approx((6, -20), abs=1)


def test_an_open_mouth_is_open_and_a_shut_one_shut() -> None:
    shut = fit_face(key_points())
    x, y = shut.points["lip_upper"]
    gap = np.abs(shut.landmarks[UPPER_INNER_LIP, :2] - shut.landmarks[LOWER_INNER_LIP, :2])
    assert gap.max() < 4
    grin = fit_face(
        {**key_points(), "lip_upper": (x, y), "lip_lower": (x, y + 40), "lip_bottom": (x, y + 55)}
    ).landmarks
    assert grin[14, 1] - grin[13, 1] == pytest.approx(40, abs=2)
    assert grin[17, 1] > grin[14, 1]


def test_a_nose_beside_the_middle_turns_the_head() -> None:
    points = key_points()
    assert abs(np.subtract(*fit_face(points).landmarks[[234, 454], 2])) < 1
    x, y = points["nose_tip"]
    points["nose_tip"] = (x + 40, y)
    right_ear, left_ear = fit_face(points).landmarks[[234, 454], 2]
    assert left_ear > right_ear + 40, "a nose to the picture's right: the ear on that side is farther away"


def test_a_real_faces_points_fit_it() -> None:
    """Measured: 4 of 180 pixels on the mean, where eyes and lips were not even placed in full."""
    face = collins().landmarks
    fitted = fit_face(points_of(face))
    width = np.ptp(face[:, 0])
    assert np.linalg.norm((fitted.landmarks - face)[:468, :2], axis=1).mean() < 0.03 * width
    assert len(fitted.folded) < 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda points: points.pop("chin"), "not placed yet: chin"),
        (lambda points: points.update(tail=(1, 2)), '"tail" is no point'),
        (lambda points: points.update(nose_tip=(float("nan"), 2)), "nose_tip is no place"),
        (lambda points: points.update(dict.fromkeys(KEYS, (9, 9))), "almost in one place"),
        (lambda points: points.update(chin=(400, 0)), "inside out"),
        (lambda points: points.update(mirrored(points)) or points.update(chin=(400, 0)), "inside out"),
    ],
)
def test_points_that_are_no_face_are_refused(change, message: str) -> None:  # type: ignore[no-untyped-def]
    points = key_points()
    change(points)
    with pytest.raises(ConfigError, match=message):
        fit_face(points)
