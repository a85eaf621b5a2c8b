"""The portrait's mesh: unfolded on turned faces, at rest where it was, and moved by rule around the face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.animators import Landmarks
from fomm.animators.landmark_warp.mesh import PortraitMesh, build_mesh
from fomm.landmarks import CHIN, LEFT_EAR, RIGHT_EAR, RIGID, MotionTransfer, relative_motion, rotation_matrix
from tests.fomm.faces import collins


def turned(face: Landmarks, yaw: float, pitch: float = 0, roll: float = 0) -> Landmarks:
    centre = face[RIGID].mean(axis=0)
    return ((face - centre) @ rotation_matrix(yaw, pitch, roll).T + centre).astype(np.float32)


def areas(mesh: PortraitMesh) -> np.ndarray:
    rings_and_face = mesh.triangles[:-46]  # without the triangles across eyes and mouth
    a, b, c = (mesh.points[rings_and_face[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    return ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]


@settings(max_examples=30, deadline=None)
@given(st.floats(-30, 30), st.floats(-20, 20), st.floats(-30, 30))
def test_the_mesh_of_a_turned_portrait_is_unfolded(yaw: float, pitch: float, roll: float) -> None:
    mesh = build_mesh(turned(collins().landmarks, yaw, pitch, roll))
    assert (areas(mesh) > 0).mean() > 0.985


def test_the_bundled_portrait_is_unfolded_with_little_change() -> None:
    face = collins().landmarks
    mesh = build_mesh(face)
    assert (areas(mesh) > 0).all()
    shift = np.linalg.norm(mesh.landmarks - face, axis=1)
    assert shift.max() < 0.1 * np.linalg.norm(face[RIGHT_EAR] - face[LEFT_EAR])
    assert (shift > 0).mean() < 0.2


def test_without_motion_every_vertex_stays() -> None:
    face = collins().landmarks
    mesh = build_mesh(face)
    positions, _ = mesh.move(MotionTransfer(mesh.landmarks, 512)(relative_motion(face, face), face))
    np.testing.assert_allclose(positions, mesh.points, atol=0.05)


@pytest.mark.parametrize("hold", [False, True])
def test_hair_follows_the_head_and_shoulders_hardly_move(hold: bool) -> None:
    face = collins().landmarks
    mesh = build_mesh(face, hold_surroundings=hold)
    transfer = MotionTransfer(mesh.landmarks, 512)
    moved = transfer(relative_motion(face, face + np.array([20, 0, 0], np.float32)), face)
    shift = (mesh.move(moved)[0] - mesh.points)[468:, 0]
    rings = mesh.points[468:]
    height = face[CHIN, 1] - face[10, 1]
    hair = (rings[:, 1] < face[10, 1]) & (rings[:, 1] > face[10, 1] - 0.3 * height)
    shoulders = rings[:, 1] > face[CHIN, 1] + 0.6 * height
    assert np.median(shift[hair]) > (10 if hold else 18)
    assert np.abs(shift[shoulders]).max() < 3
    if hold:
        assert np.abs(shift[-18:]).max() == 0
