"""The bundled model on a real portrait, driven by its own face moved in known ways."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fomm import resources
from fomm.animators import DrivingFrame, Frame, Landmarks, Motion, SourceImage
from fomm.animators.landmark_warp import LandmarkWarp, WarpState
from fomm.faces import FaceLandmarker
from fomm.images import load_image
from fomm.landmarks import (
    EYES,
    INNER_LIPS,
    LOWER_INNER_LIP,
    RIGID,
    UPPER_INNER_LIP,
    euler_angles,
    rotation_matrix,
    similarity,
)
from tests.fomm.faces import collins


@pytest.fixture(scope="module")
def painted() -> LandmarkWarp:
    return LandmarkWarp(mouth="painted")


@pytest.fixture(scope="module")
def state(painted: LandmarkWarp) -> WarpState:
    return painted.prepare(collins().image)


def motion(landmarks: Landmarks, pixels: Frame | None = None) -> Motion:
    portrait = collins()
    frame = portrait.image.pixels if pixels is None else pixels
    return Motion(DrivingFrame(frame, landmarks), DrivingFrame(portrait.image.pixels, portrait.landmarks))


def turned(yaw: float, pitch: float = 0, roll: float = 0) -> Landmarks:
    face = collins().landmarks
    centre = face[RIGID].mean(axis=0)
    return ((face - centre) @ rotation_matrix(yaw, pitch, roll).T + centre).astype(np.float32)


def jaw_dropped(by: float) -> Landmarks:
    face = collins().landmarks.copy()
    lips = face[INNER_LIPS, 1].mean()
    below = face[:, 1] > lips + 1
    face[below, 1] += by
    face[LOWER_INNER_LIP, 1] = collins().landmarks[LOWER_INNER_LIP, 1] + by
    return face


def shut(*eyes: int) -> Landmarks:
    face = collins().landmarks.copy()
    for k in eyes:
        face[EYES[k].upper] = face[EYES[k].lower]
    return face


def seen(pixels: Frame) -> Landmarks:
    """What MediaPipe sees in a result."""
    with FaceLandmarker(mode="image") as landmarker:
        (face,) = landmarker.detect(pixels)
    return face


def lid_gap(face: Landmarks, k: int) -> float:
    eye = EYES[k]
    gap = np.linalg.norm((face[eye.upper] - face[eye.lower])[:, :2], axis=1).mean()
    return float(gap / np.linalg.norm(face[eye.outer, :2] - face[eye.inner, :2]))


def test_at_rest_the_portrait_is_the_picture(painted: LandmarkWarp, state: WarpState) -> None:
    out = painted.drive(state, motion(collins().landmarks))
    assert out.shape == state.portrait.shape
    assert out.dtype == np.uint8
    assert np.abs(out.astype(int) - state.portrait).mean() < 1.0


def test_strength_zero_is_rest_whatever_the_driver_does(painted: LandmarkWarp, state: WarpState) -> None:
    wild = motion(turned(25, 10, -10)).eased(0.0)
    rest = motion(collins().landmarks)
    assert np.abs(painted.drive(state, wild).astype(int) - painted.drive(state, rest)).max() <= 2


@pytest.mark.parametrize("pose", [(15, 0, 0), (-15, 0, 0), (0, 12, 0), (0, -12, 0), (0, 0, 15), (0, 0, -15)])
def test_the_head_turns_as_the_drivers(
    painted: LandmarkWarp, state: WarpState, pose: tuple[float, float, float]
) -> None:
    out = seen(painted.drive(state, motion(turned(*pose))))
    rest = seen(state.portrait)
    found = euler_angles(similarity(rest[RIGID], out[RIGID])[1])
    assert found == pytest.approx(pose, abs=5)


def test_a_wink_closes_one_eye_and_a_blink_both(painted: LandmarkWarp) -> None:
    """On a portrait large enough for MediaPipe to tell: the bundled Amara, driven by another face."""
    state = painted.prepare(load_image(resources.AVATARS / "amara.jpg"))
    rest = seen(painted.drive(state, motion(collins().landmarks)))
    wink = seen(painted.drive(state, motion(shut(0))))
    blink = seen(painted.drive(state, motion(shut(0, 1))))
    assert lid_gap(wink, 0) < 0.6 * lid_gap(rest, 0)
    assert lid_gap(wink, 1) > 0.75 * lid_gap(rest, 1)
    assert lid_gap(blink, 0) < 0.6 * lid_gap(rest, 0)
    assert lid_gap(blink, 1) < 0.6 * lid_gap(rest, 1)


def test_a_dropped_jaw_opens_the_mouth(painted: LandmarkWarp, state: WarpState) -> None:
    def gap(face: Landmarks) -> float:
        return float((face[LOWER_INNER_LIP, 1] - face[UPPER_INNER_LIP, 1]).max())

    out = seen(painted.drive(state, motion(jaw_dropped(14))))
    assert gap(out) > gap(seen(state.portrait)) + 6


def test_gaze_moves_the_irises(painted: LandmarkWarp, state: WarpState) -> None:
    def iris(face: Landmarks) -> float:
        offsets = [face[e.iris, 0].mean() - face[[e.outer, e.inner], 0].mean() for e in EYES]
        return float(np.mean(offsets))

    def looking(by: float) -> Landmarks:
        face = collins().landmarks.copy()
        for eye in EYES:
            face[eye.iris, 0] += by
        return face

    right, left = (seen(painted.drive(state, motion(looking(by)))) for by in (-3, 3))
    assert iris(left) - iris(right) > 2.5


def test_the_background_is_held_still(painted: LandmarkWarp, state: WarpState) -> None:
    rest = painted.drive(state, motion(collins().landmarks))
    out = painted.drive(state, motion(turned(25, 8, 10)))
    assert state.person is not None
    height, width = out.shape[:2]
    person = cv2.dilate((state.person[..., 3] > 0).astype(np.uint8), np.ones((81, 81), np.uint8))
    far = person == 0
    assert far.sum() > 0.05 * height * width
    np.testing.assert_array_equal(out[far], rest[far])


@pytest.mark.parametrize("yaw", [-30, 0, 30])
@pytest.mark.parametrize("pitch", [-25, 0, 25])
@pytest.mark.parametrize("roll", [-25, 25])
def test_the_person_does_not_fold_over(
    painted: LandmarkWarp, state: WarpState, yaw: float, pitch: float, roll: float
) -> None:
    avatar = painted.avatar_motion(state, motion(turned(yaw, pitch, roll)))
    grid = LandmarkWarp().motion_grid(state, avatar)
    assert np.isfinite(grid).all()
    assert state.person is not None
    dx, dy = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
    determinant = dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]
    person = (cv2.remap(state.person[..., 3], grid, None, cv2.INTER_LINEAR) > 127).astype(np.uint8)
    for outline in (*(eye.outline for eye in EYES), INNER_LIPS):
        opening = np.round(avatar.landmarks[outline, :2]).astype(np.int32)
        cv2.fillPoly(person, [opening], 0)
        cv2.polylines(person, [opening], isClosed=True, color=0, thickness=3)
    folded = (determinant[person > 0] <= 0).mean()
    assert folded < 0.004


@pytest.mark.parametrize("mouth", ["driver", "painted"])
@pytest.mark.parametrize("pose", [(0, 0, 0), (15, -5, 8)])
def test_of_the_driver_only_the_mouth_is_ever_shown(
    state: WarpState, mouth: str, pose: tuple[float, float, float]
) -> None:
    """The same landmarks with two different pictures: bit for bit the same outside the avatar's lips."""
    face = jaw_dropped(16)
    centre = face[RIGID].mean(axis=0)
    face = ((face - centre) @ rotation_matrix(*pose).T + centre).astype(np.float32)
    noise = np.random.default_rng(0).integers(0, 256, state.portrait.shape, dtype=np.uint8)
    animator = LandmarkWarp(mouth=mouth)  # type: ignore[arg-type]
    one = animator.drive(state, motion(face, state.portrait))
    two = animator.drive(state, motion(face, noise))
    different = (one != two).any(axis=-1)
    lips = np.zeros(different.shape, np.uint8)
    target = animator.avatar_motion(state, motion(face)).landmarks
    cv2.fillPoly(lips, [np.round(target[INNER_LIPS, :2]).astype(np.int32)], 1)
    assert not (different & (cv2.dilate(lips, np.ones((5, 5), np.uint8)) == 0)).any()
    if mouth == "painted":
        assert not different.any()
    else:
        assert different.sum() > 30


def test_a_driving_frame_without_a_face_gives_the_portrait(painted: LandmarkWarp, state: WarpState) -> None:
    nobody = DrivingFrame(np.zeros((20, 20, 3), np.uint8), None)
    out = painted.drive(state, Motion(nobody, nobody))
    np.testing.assert_array_equal(out, state.portrait)
    out[:] = 0  # the caller's own copy
    assert state.portrait.any()


@pytest.mark.parametrize("size", [(333, 257), (256, 512), (97, 95)])
def test_any_size_goes(painted: LandmarkWarp, size: tuple[int, int]) -> None:
    width, height = size
    face = collins().landmarks
    left, top = face[:, :2].min(axis=0) - 40
    right, bottom = face[:, :2].max(axis=0) + 40
    crop = collins().image.pixels[int(top) : int(bottom), int(left) : int(right)]
    pixels = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    state = painted.prepare(SourceImage(pixels, "crop"))
    out = painted.drive(state, motion(turned(20, 5, -5)))
    assert out.shape == (height, width, 3)


def test_a_picture_in_one_layer_keeps_its_border_still(
    painted: LandmarkWarp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fomm.animators.landmark_warp.animator.person_matte", lambda _: None)
    state = painted.prepare(collins().image)
    assert state.person is None
    rest = painted.drive(state, motion(collins().landmarks))
    np.testing.assert_array_equal(rest[:, :3], state.portrait[:, :3])
    out = painted.drive(state, motion(turned(25, 8, 10)))
    np.testing.assert_array_equal(out[-30:], state.portrait[-30:])
    assert np.abs(out.astype(int) - rest).mean() > 0.5
