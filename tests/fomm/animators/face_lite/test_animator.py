"""The learned model on a real portrait."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm.animators import DrivingFrame, Landmarks, Motion, SourceImage, create
from fomm.animators.face_lite import FaceLite
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.landmarks import OVAL, RIGID, rotation_matrix
from tests.fomm.animators.face_lite.weights import random_weights, write
from tests.fomm.faces import collins


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> FaceLite:
    path = write(tmp_path_factory.mktemp("weights") / "w.safetensors", random_weights())
    return FaceLite(mouth="painted", checkpoint=path)


def motion(landmarks: Landmarks) -> Motion:
    portrait = collins()
    pixels = portrait.image.pixels
    return Motion(DrivingFrame(pixels, landmarks), DrivingFrame(pixels, portrait.landmarks))


def turned(yaw: float) -> Landmarks:
    face = collins().landmarks
    centre = face[RIGID].mean(axis=0)
    return ((face - centre) @ rotation_matrix(yaw, 0, 0).T + centre).astype(np.float32)


def test_a_face_at_rest_is_drawn_as_the_warp_draws_it(lite: FaceLite) -> None:
    state = lite.prepare(collins().image)
    warp = LandmarkWarp(mouth="painted")
    still = motion(collins().landmarks)
    difference = np.abs(lite.drive(state, still).astype(int) - warp.drive(state, still))
    assert difference.max() <= 2


def test_a_moving_head_is_corrected_around_the_face_alone(lite: FaceLite) -> None:
    state = lite.prepare(collins().image)
    moved = LandmarkWarp().avatar_motion(state, motion(turned(15)))
    before = LandmarkWarp().motion_grid(state, moved)
    change = np.abs(lite.motion_grid(state, moved) - before).max(axis=-1)
    face = np.zeros(change.shape, np.uint8)
    cv2.fillPoly(face, [np.round(moved.landmarks[OVAL, :2]).astype(np.int32)], 1)
    side = np.ptp(moved.landmarks[:, 1])
    inner = cv2.erode(face, np.ones((3, 3), np.uint8), iterations=round(0.2 * side)) > 0
    assert inner.any()
    assert change[inner].max() < 0.05
    assert change[face == 0].max() > 1


def test_without_a_person_to_cut_out_it_is_the_warp(lite: FaceLite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm.animators.landmark_warp.animator.person_matte", lambda _: None)
    image = SourceImage(collins().image.pixels, landmarks=collins().landmarks)
    state = lite.prepare(image)
    turn = motion(turned(12))
    np.testing.assert_array_equal(lite.drive(state, turn), LandmarkWarp(mouth="painted").drive(state, turn))


def test_pictures_are_read_by_nobody_but_the_warp(lite: FaceLite) -> None:
    """The same landmarks and matte, another picture: the motion is the same to the bit."""
    image = SourceImage(collins().image.pixels.copy(), landmarks=collins().landmarks)
    state = lite.prepare(image)
    moved = lite.avatar_motion(state, motion(turned(10)))
    grid = lite.motion_grid(state, moved)
    state.portrait[:] = 255 - state.portrait
    np.testing.assert_array_equal(lite.motion_grid(state, moved), grid)


def test_its_own_weights_ship_with_it_and_it_says_what_runs() -> None:
    animator = create("face-lite")
    assert animator.name == "face-lite"
    assert "on CPU" in animator.device


def test_with_openvino_pytorch_is_never_imported() -> None:
    program = (
        "import sys; from fomm.animators import create; "
        "create('face-lite', engine='openvino'); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_other_weights_may_be_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        create("face-lite", checkpoint=str(tmp_path / "absent.safetensors"))
