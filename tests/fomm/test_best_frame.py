"""The driving frame most like the source, by the published formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fomm.best_frame import best_match, find_best_frame, normalised, pose_distance
from fomm.errors import NoFaceError
from fomm.face_points import MediaPipePoints, Points
from tests.fomm.faces import collins

SQUARE = np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2]], np.float32)


def face(seed: int) -> Points:
    return np.random.default_rng(seed).uniform(0, 100, (68, 2)).astype(np.float32)


def test_points_are_centred_and_measured_in_the_root_of_their_hulls_area() -> None:
    expected = [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [0, 0]]
    np.testing.assert_allclose(normalised(SQUARE), expected, atol=1e-6)


def test_the_distance_is_squared_and_summed() -> None:
    moved = SQUARE.copy()
    moved[4] = [3, 2]  # the mean moves by a fifth of it
    # In units of the square's side: the fifth point 0.25 - 0.05, the others 0.05 the other way.
    assert pose_distance(SQUARE, moved) == pytest.approx(0.2**2 + 4 * 0.05**2, rel=1e-5)


@given(
    seed=st.integers(0, 1000),
    scale=st.floats(0.1, 10),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_size_and_place_do_not_matter(seed: int, scale: float, shift: tuple[float, float]) -> None:
    points = face(seed)
    elsewhere = (scale * points + np.array(shift)).astype(np.float32)
    assert pose_distance(points, elsewhere) < 1e-5


@given(seed=st.integers(0, 1000), place=st.integers(0, 5))
def test_the_nearest_pose_is_found(seed: int, place: int) -> None:
    source = face(seed)
    driving: list[Points | None] = [face(seed + 1 + index) for index in range(6)]
    noise = np.random.default_rng(seed).normal(0, 0.5, source.shape)
    driving[place] = (3 * source + noise).astype(np.float32)
    driving[(place + 1) % 6] = None
    assert best_match(source, driving) == place


def test_the_first_of_equals() -> None:
    assert best_match(SQUARE, [None, 2 * SQUARE, SQUARE]) == 1


def test_without_a_face_there_is_no_match() -> None:
    assert best_match(SQUARE, [None, None]) is None


class TestPictures:
    def test_the_portrait_finds_itself(self) -> None:
        pixels = collins().image.pixels
        wall = np.full_like(pixels, 90)
        squeezed = np.ascontiguousarray(pixels[:, ::2])  # the same face, half as wide
        detector = MediaPipePoints()
        assert find_best_frame(pixels, [wall, squeezed, pixels[::2, ::2]], detector) == 2
        detector.close()

    def test_no_face_is_told(self) -> None:
        pixels = collins().image.pixels
        wall = np.full_like(pixels, 90)
        detector = MediaPipePoints()
        with pytest.raises(NoFaceError, match="the source has no face that mediapipe finds"):
            find_best_frame(wall, [pixels], detector)
        with pytest.raises(NoFaceError, match=r"wall\.mp4: no face in any frame"):
            find_best_frame(pixels, [wall], detector, name="wall.mp4")
        detector.close()
