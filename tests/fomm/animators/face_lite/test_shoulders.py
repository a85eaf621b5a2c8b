"""Following the shoulders of a real person, and having an avatar's go along."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fomm.animators import DrivingFrame, Frame, Motion, create
from fomm.animators.face_lite import shoulders as module
from fomm.animators.face_lite.shoulders import Shoulders
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.landmarks import CHIN, face_width
from tests.fomm.faces import collins

#: A face's width away, in pixels.
WIDTH = face_width(collins().landmarks)


def moved(dx: float, dy: float) -> DrivingFrame:
    """The person so many pixels further right and down, head and all."""
    pixels = collins().image.pixels
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = pixels.shape[1::-1]
    away = cv2.warpAffine(pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    shift = np.array([dx, dy, 0], np.float32)
    return DrivingFrame(np.asarray(away, np.uint8), collins().landmarks + shift)


def neutral() -> DrivingFrame:
    return DrivingFrame(collins().image.pixels, collins().landmarks)


def below_chin() -> int:
    return int(collins().landmarks[CHIN, 1] + 0.2 * WIDTH)


def covered(frame: DrivingFrame, cover: slice | NDArray[np.bool_]) -> DrivingFrame:
    """With something plain before a part of the shoulders' columns."""
    pixels = frame.pixels.copy()
    pixels[below_chin() :, cover] = 120
    return replace(frame, pixels=pixels)


@pytest.mark.parametrize(("dx", "dy"), [(0.3, 0.2), (12, 0), (-31, 6), (20, -18), (0, 25)])
def test_shoulders_are_found_where_they_went(dx: float, dy: float) -> None:
    shift, belief = Shoulders().shift(Motion(moved(dx, dy), neutral()))
    np.testing.assert_allclose(shift * WIDTH, [dx, dy], atol=0.6)
    assert belief > 0.9


def test_a_head_that_moves_alone_takes_no_shoulders_along() -> None:
    frame = moved(25, 0)
    frame.pixels[below_chin() :] = neutral().pixels[below_chin() :]
    shift, _ = Shoulders().shift(Motion(frame, neutral()))
    np.testing.assert_allclose(shift * WIDTH, 0, atol=0.6)


def test_what_comes_before_them_is_no_shoulder() -> None:
    middle = neutral().pixels.shape[1] // 2
    half = covered(moved(14, 0), slice(middle, None))
    shift, belief = Shoulders().shift(Motion(half, neutral()))
    if belief > 0:
        np.testing.assert_allclose(shift * WIDTH, [14, 0], atol=1)
    _, hidden = Shoulders().shift(Motion(covered(moved(14, 0), slice(None)), neutral()))
    assert hidden == 0


def test_of_a_plain_picture_nothing_is_told() -> None:
    plain = covered(neutral(), slice(None))
    shift, belief = Shoulders().shift(Motion(covered(moved(9, 0), slice(None)), plain))
    assert belief == 0
    assert not shift.any()


def test_a_remembered_neutral_face_has_no_picture_and_the_first_one_does() -> None:
    black = DrivingFrame(np.zeros_like(neutral().pixels), collins().landmarks)
    shoulders = Shoulders()
    # Shoulders are below the head when the person sits down somewhere else.
    for dx in (10.0, 22.0, -6.0):
        shift, belief = shoulders.shift(Motion(moved(dx, 0), black))
        np.testing.assert_allclose(shift * WIDTH, [dx, 0], atol=0.6)
        assert belief > 0.9


def test_a_neutral_frame_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Frame] = []
    mask = module.person_mask

    def count(pixels: Frame) -> NDArray[np.float32]:
        looked.append(pixels)
        return mask(pixels)

    monkeypatch.setattr(module, "person_mask", count)
    shoulders, one, other = Shoulders(), neutral(), moved(3, 3)
    for motion in (
        Motion(moved(5, 0), one),
        Motion(moved(6, 0), one),
        Motion(moved(6, 0), other, leaving=one, arrived=0.5),
        Motion(moved(7, 0), other),
    ):
        shoulders.shift(motion)
    assert len(looked) == 2


def test_a_new_neutral_frame_is_taken_over_gently() -> None:
    shoulders, driving, new = Shoulders(), moved(20, 0), moved(10, 0)
    way = [
        float(shoulders.shift(Motion(driving, new, leaving=neutral(), arrived=part))[0][0]) * WIDTH
        for part in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(way, [20, 15, 10], atol=0.6)


def test_a_camera_that_changes_its_size_is_another_picture() -> None:
    small = DrivingFrame(np.asarray(cv2.resize(neutral().pixels, (100, 100)), np.uint8), collins().landmarks)
    assert Shoulders().shift(Motion(small, neutral()))[1] == 0


def test_the_avatars_shoulders_go_along() -> None:
    animator = create("face-lite", mouth="painted")
    state = animator.prepare(collins().image)
    together = animator.avatar_motion(state, Motion(moved(24, 0), neutral()))
    alone = moved(24, 0)
    alone.pixels[below_chin() :] = neutral().pixels[below_chin() :]
    apart = animator.avatar_motion(state, Motion(alone, neutral()))
    np.testing.assert_allclose(together.torso, [24, 0], atol=1)
    np.testing.assert_allclose(apart.torso, 0, atol=1)
    # A shoulder that goes right by 24 pixels is read 24 pixels further left.
    y, x = below_chin() + int(0.5 * WIDTH), int(collins().landmarks[CHIN, 0])
    grids = [animator.motion_grid(state, motion) for motion in (together, apart)]
    assert abs(grids[0][y, x, 0] - grids[1][y, x, 0] + 24) < 4
    eased = animator.avatar_motion(state, Motion(moved(24, 0), neutral()).eased(0.5))
    np.testing.assert_allclose(eased.torso, [12, 0], atol=1)


def test_a_body_that_goes_along_is_not_folded_where_the_mesh_ends() -> None:
    warp = LandmarkWarp(mouth="painted")
    state = warp.prepare(collins().image)
    still = warp.avatar_motion(state, Motion(neutral(), neutral()))
    for shift in ((-40, 0), (40, 0), (0, -30), (0, 30)):
        grid = warp.motion_grid(state, replace(still, torso=np.array(shift, np.float32)))
        along, down = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
        determinant = along[..., 0] * down[..., 1] - along[..., 1] * down[..., 0]
        assert determinant[below_chin() + int(WIDTH) :].min() > 0
