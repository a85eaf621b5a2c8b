"""Relative motion: what it measures on faces that are moved in known ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.animators import Landmarks
from fomm.landmarks import (
    CHIN,
    EYES,
    LOWER_INNER_LIP,
    MAX_PITCH,
    MAX_ROLL,
    MAX_YAW,
    OVAL,
    RIGHT_EYE,
    RIGID,
    UPPER_INNER_LIP,
    MotionTransfer,
    euler_angles,
    face_triangles,
    pose_between,
    relative_motion,
    rotation_matrix,
    similarity,
    soft_limit,
)
from tests.fomm.faces import collins

angles = st.floats(-60, 60)
small = st.floats(-20, 20)


@pytest.fixture(scope="module")
def face() -> Landmarks:
    return collins().landmarks


def moved(face: Landmarks, yaw: float, pitch: float, roll: float, scale: float = 1.0) -> Landmarks:
    centre = face[RIGID].mean(axis=0)
    return ((face - centre) @ rotation_matrix(yaw, pitch, roll).T * np.float32(scale) + centre).astype(
        np.float32
    )


def with_lids(face: Landmarks, opening: float) -> Landmarks:
    out = face.copy()
    out[RIGHT_EYE.upper] = out[RIGHT_EYE.lower] + (out[RIGHT_EYE.upper] - out[RIGHT_EYE.lower]) * opening
    return out


@given(angles, angles, angles)
def test_euler_angles_invert_the_rotation_matrix(yaw: float, pitch: float, roll: float) -> None:
    assert euler_angles(rotation_matrix(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-2)


@given(angles, angles, angles, st.floats(0.5, 2), st.integers(0, 2**31))
def test_similarity_recovers_a_known_motion(
    yaw: float, pitch: float, roll: float, scale: float, seed: int
) -> None:
    points = np.random.default_rng(seed).normal(size=(20, 3)).astype(np.float32)
    rotation = rotation_matrix(yaw, pitch, roll)
    found_scale, found, _, centre = similarity(points, points @ rotation.T * np.float32(scale) + 7)
    assert found_scale == pytest.approx(scale, rel=1e-4)
    np.testing.assert_allclose(found, rotation, atol=1e-4)
    np.testing.assert_allclose(centre, points.mean(axis=0) @ rotation.T * scale + 7, atol=1e-3)


def test_similarity_of_a_mirrored_cloud_is_still_a_rotation() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    _, rotation, _, _ = similarity(points, points * np.array([-1, 1, 1], np.float32))
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-4)


@given(st.floats(-500, 500), st.floats(1, 100))
def test_soft_limit_never_exceeds_and_keeps_what_is_small(value: float, limit: float) -> None:
    limited = soft_limit(value, limit)
    assert abs(limited) <= limit * (1 + 1e-9)
    assert limited == pytest.approx(-soft_limit(-value, limit))
    if abs(value) <= 0.7 * limit:
        assert limited == value


@given(st.floats(0, 300), st.floats(0, 50))
def test_soft_limit_is_monotone(value: float, more: float) -> None:
    assert soft_limit(value + more, 30) >= soft_limit(value, 30)


def test_no_motion_leaves_the_source_where_it_is(face: Landmarks) -> None:
    transfer = MotionTransfer(face, 512)
    still = transfer(relative_motion(face, face), face)
    np.testing.assert_allclose(still.landmarks, face, atol=1e-2)


@settings(max_examples=25, deadline=None)
@given(small, small, small, st.floats(0.9, 1.1))
def test_a_turned_head_turns_the_avatar_as_far(yaw: float, pitch: float, roll: float, scale: float) -> None:
    face = collins().landmarks
    motion = relative_motion(face, moved(face, yaw, pitch, roll, scale))
    assert (motion.yaw, motion.pitch, motion.roll) == pytest.approx((yaw, pitch, roll), abs=0.1)
    assert np.abs(motion.expression).max() < 0.05
    source = face + np.array([5, -3, 0], np.float32)
    head = MotionTransfer(source, 2000)(motion, face).head
    expected = [soft_limit(a, limit) for a, limit in ((yaw, MAX_YAW), (pitch, MAX_PITCH), (roll, MAX_ROLL))]
    assert euler_angles(head.rotation) == pytest.approx(expected, abs=0.2)
    assert head.scale == pytest.approx(scale, abs=1e-2)


@settings(max_examples=25, deadline=None)
@given(st.floats(-90, 90), st.floats(-80, 80), st.floats(-90, 90), st.floats(0.2, 5))
def test_any_pose_is_clamped_to_what_a_portrait_can_show(
    yaw: float, pitch: float, roll: float, scale: float
) -> None:
    face = collins().landmarks
    out = MotionTransfer(face, 512)(relative_motion(face, moved(face, yaw, pitch, roll, scale)), face)
    turned = np.abs(euler_angles(out.head.rotation))
    assert (turned <= np.array([MAX_YAW, MAX_PITCH, MAX_ROLL]) + 0.5).all()
    assert np.isfinite(out.landmarks).all()


def test_motion_is_independent_of_the_drivers_size_and_place(face: Landmarks) -> None:
    now = with_lids(moved(face, 10, 5, -5), 0.6)

    def far(points: Landmarks) -> Landmarks:
        return (points * np.float32(0.5) + np.array([200, 90, 3], np.float32)).astype(np.float32)

    transfer = MotionTransfer(face, 2000)
    near = transfer(relative_motion(face, now), face)
    away = transfer(relative_motion(far(face), far(now)), far(face))
    np.testing.assert_allclose(near.landmarks, away.landmarks, atol=0.05)


@pytest.mark.parametrize(("opening", "expected"), [(0.1, 0.0), (0.25, 0.0), (1.0, 1.0), (1.2, 1.2)])
def test_lids_close_fully_and_alone(face: Landmarks, opening: float, expected: float) -> None:
    motion = relative_motion(face, with_lids(face, opening))
    right, left = motion.eye_opening
    assert right == pytest.approx(expected, abs=0.02)
    assert left == pytest.approx(1.0, abs=0.02)
    out = MotionTransfer(face, 512)(motion, face).landmarks

    def gap(points: Landmarks, k: int) -> float:
        return float(np.linalg.norm(points[EYES[k].upper] - points[EYES[k].lower], axis=1).mean())

    assert gap(out, 0) == pytest.approx(expected * gap(face, 0), abs=0.05 * gap(face, 0))
    assert gap(out, 1) == pytest.approx(gap(face, 1), rel=0.03)


def test_gaze_moves_both_irises_and_nothing_else(face: Landmarks) -> None:
    looking = face.copy()
    for eye in EYES:
        looking[eye.iris, 0] += 2
    motion = relative_motion(face, looking)
    assert (motion.gaze[:, 0] > 0.05).all()
    transfer = MotionTransfer(face, 512)
    out = transfer(motion, face).landmarks
    np.testing.assert_allclose(out[:468], face[:468], atol=0.5)
    for eye in EYES:
        assert (out[eye.iris, 0] - face[eye.iris, 0]).mean() == pytest.approx(2, abs=0.3)


def test_lips_meet_but_never_cross(face: Landmarks) -> None:
    """The portrait smiles with parted lips; a driver who bites theirs would push one lip through the other."""
    biting = face.copy()
    biting[UPPER_INNER_LIP, 1] += 15
    biting[LOWER_INNER_LIP, 1] -= 15
    out = MotionTransfer(face, 512)(relative_motion(face, biting), face).landmarks
    assert (out[LOWER_INNER_LIP, 1] - out[UPPER_INNER_LIP, 1]).min() > -0.5


def test_strength_eases_from_the_neutral_portrait_to_the_full_motion(face: Landmarks) -> None:
    transfer = MotionTransfer(face, 512)
    motion = relative_motion(face, with_lids(moved(face, 15, -8, 6), 0.1))
    full, none = transfer(motion, face, 1.0).landmarks, transfer(motion, face, 0.0).landmarks
    np.testing.assert_allclose(none, face, atol=1e-2)
    distance = [np.linalg.norm(transfer(motion, face, s).landmarks - face) for s in (0.0, 0.3, 0.6, 1.0)]
    assert distance == sorted(distance)
    assert np.linalg.norm(full - none) > 100


@settings(max_examples=30, deadline=None)
@given(st.floats(-40, 40), small, small, st.floats(0.7, 1.4), st.floats(0, 1))
def test_between_two_poses_of_a_stiff_face_it_stays_stiff(
    yaw: float, pitch: float, roll: float, scale: float, share: float
) -> None:
    start = collins().landmarks
    end = moved(start, yaw, pitch, roll, scale) + np.array([30, -20, 0], np.float32)
    between = pose_between(start, end, share)
    size, rotation, c0, c1 = similarity(start, between)
    assert np.abs((start - c0) @ rotation.T * size + c1 - between).max() < 0.05
    assert np.isclose(size, scale**share, rtol=1e-3)
    whole = np.arccos(np.clip((np.trace(similarity(start, end)[1]) - 1) / 2, -1, 1))
    assert np.isclose(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)), share * whole, atol=0.01)


def test_between_two_poses_features_move_along_and_the_ends_are_exact(face: Landmarks) -> None:
    end = moved(with_lids(face, 0.2), 10, 5, 0, 1.1)
    assert pose_between(face, end, 0.0) is face
    assert pose_between(face, end, 1.0) is end
    path = np.stack([pose_between(face, end, share) for share in np.linspace(0, 1, 21)])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=2).max(axis=1)
    assert steps.max() < 1.3 * steps.mean(), "no jump on the way, nor where it begins and ends"


def test_the_chin_stays_in_the_picture(face: Landmarks) -> None:
    height = float(face[CHIN, 1]) + 10
    dropped = face.copy()
    dropped[CHIN, 1] += 60
    out = MotionTransfer(face, height)(relative_motion(face, dropped), face).landmarks
    assert out[CHIN, 1] <= height


def test_the_outline_and_the_mesh_fit_the_landmarks() -> None:
    assert len(set(OVAL.tolist())) == 36
    assert face_triangles().shape == (852, 3)
    assert set(np.unique(face_triangles())) == set(range(468))
