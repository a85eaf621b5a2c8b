"""From what the detector's network says to boxes, one for each face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fomm.faces.detector import SIDE, FaceDetector, anchors, decode, merge


def test_anchors_are_the_middles_of_two_grids() -> None:
    centres = anchors()
    assert centres.shape == (896, 2)
    fine, coarse = centres[:512].reshape(16, 16, 2, 2), centres[512:].reshape(8, 8, 6, 2)
    assert (fine == fine[:, :, :1]).all()
    assert (coarse == coarse[:, :, :1]).all()
    np.testing.assert_allclose(fine[0, :, 0, 0], (np.arange(16) + 0.5) / 16)
    np.testing.assert_allclose(fine[:, 0, 0, 1], (np.arange(16) + 0.5) / 16)
    np.testing.assert_allclose(coarse[3, 5, 0], (5.5 / 8, 3.5 / 8))


@given(
    place=st.integers(0, 895),
    box=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1), st.floats(0.01, 1)),
    seed=st.integers(0, 1000),
)
def test_decoding_undoes_how_the_network_was_taught(
    place: int, box: tuple[float, float, float, float], seed: int
) -> None:
    centre = anchors()[place : place + 1]
    points = np.random.default_rng(seed).uniform(0, 1, (6, 2))
    x, y, width, height = box
    said = np.concatenate([[x, y] - centre[0], [width, height], (points - centre[0]).ravel()]) * SIDE
    values = decode(said[None].astype(np.float32), centre)[0]
    np.testing.assert_allclose(
        values[:4], (x - width / 2, y - height / 2, x + width / 2, y + height / 2), atol=1e-5
    )
    np.testing.assert_allclose(values[4:].reshape(6, 2), points, atol=1e-5)


class Says:
    """A network that says this about each anchor, whatever it looks at."""

    def __init__(self, regressors: np.ndarray, scores: np.ndarray) -> None:
        self.input = np.zeros((SIDE, SIDE, 3), np.uint8)
        self._outputs = [regressors[None].astype(np.float32), scores[None, :, None].astype(np.float32)]

    def run(self) -> list[np.ndarray]:
        return self._outputs


@pytest.mark.parametrize("size", [(-40, 50), (40, -50), (0, 50), (np.nan, 50)])
def test_a_box_turned_inside_out_is_no_face(size: tuple[float, float]) -> None:
    """MediaPipe leaves such out as well."""
    regressors, scores = np.zeros((896, 16)), np.full(896, -9.0)
    scores[[100, 600]] = 3.0, 2.0
    regressors[100, 2:4], regressors[600, 2:4] = size, (30, 30)
    network: Any = Says(regressors, scores)
    (face,) = FaceDetector(network).detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    assert face.score == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert face.box[2] - face.box[0] == pytest.approx(30)


def boxed(left: float, top: float, side: float) -> np.ndarray:
    return np.concatenate([[left, top, left + side, top + side], np.full(12, left)]).astype(np.float32)


def test_boxes_of_one_face_are_averaged_by_their_scores() -> None:
    values = np.stack([boxed(10, 10, 100), boxed(14, 10, 100), boxed(300, 10, 80)])
    near, far = merge(values, np.float32([0.6, 0.9, 0.7]))
    assert near.score == pytest.approx(0.9)
    np.testing.assert_allclose(near.box[0], (0.6 * 10 + 0.9 * 14) / 1.5, rtol=1e-5)
    np.testing.assert_allclose(near.points, np.full((6, 2), near.box[0]), rtol=1e-5)
    assert far.box == (300, 10, 380, 90)


def test_a_box_without_area_does_not_go_on_for_ever() -> None:
    assert len(merge(np.stack([boxed(10, 10, 0), boxed(10, 10, 0)]), np.float32([0.6, 0.9]))) == 2


@given(
    faces=st.lists(
        st.tuples(st.floats(0, 400), st.floats(0, 400), st.floats(5, 200), st.floats(0.5, 1)), max_size=12
    )
)
def test_merging_goes_from_the_surest_to_the_least_sure(faces: list[tuple[float, ...]]) -> None:
    values = np.array([boxed(*face[:3]) for face in faces], np.float32).reshape(-1, 16)
    scores = np.array([face[3] for face in faces], np.float32)
    merged = merge(values, scores)
    assert len(merged) <= len(faces)
    assert bool(merged) == bool(faces)
    assert [face.score for face in merged] == sorted((face.score for face in merged), reverse=True)
    if faces:
        assert merged[0].score == pytest.approx(scores.max())
        for face in merged:
            assert values[:, :2].min() - 1e-2 <= min(face.box[:2])
            assert max(face.box[2:]) <= values[:, 2:4].max() + 1e-2
