from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.landmarks import face_width
from live.pose import head_turn, measure, shape_difference
from tests.live.calibration.faces import face

turns = st.floats(-30, 30)


@settings(max_examples=40, deadline=None)
@given(turns, turns, turns, st.floats(0.4, 3))
def test_a_turn_is_measured_whatever_the_faces_size_and_place(
    yaw: float, pitch: float, roll: float, scale: float
) -> None:
    turned = face(yaw=yaw, pitch=pitch, roll=roll, scale=scale, at=(10, 400))
    assert head_turn(turned) == pytest.approx((yaw, pitch, roll), abs=0.5)
    assert face_width(turned) == pytest.approx(200 * scale, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(turns, turns, turns, st.floats(0.4, 3), st.floats(0, 0.2), st.floats(0.1, 1.2))
def test_mouth_and_eyes_are_measured_on_turned_faces_too(
    yaw: float, pitch: float, roll: float, scale: float, mouth: float, eyes: float
) -> None:
    straight = measure(face(mouth=mouth, eyes=eyes))
    turned = measure(face(yaw=yaw, pitch=pitch, roll=roll, scale=scale, mouth=mouth, eyes=eyes))
    assert turned.mouth == pytest.approx(straight.mouth, abs=1e-3)
    assert turned.eyes == pytest.approx(straight.eyes, abs=1e-3)
    assert straight.mouth == pytest.approx(measure(face()).mouth + mouth, abs=0.01)
    assert straight.eyes == pytest.approx(measure(face()).eyes * eyes, abs=0.02)


def test_likeness_is_of_the_expression_alone() -> None:
    avatar = face(scale=2, at=(900, 900))
    same, spoken = (measure(face(yaw=15, mouth=mouth), avatar).unlike for mouth in (0, 0.1))
    assert same == pytest.approx(0, abs=1e-3)
    assert spoken > 0.02
    assert measure(face()).unlike == 0


def test_one_faces_shape_differs_from_itself_in_no_pose_and_from_anothers() -> None:
    assert shape_difference(face(), face(yaw=20, scale=1.5, mouth=0.1)) < 0.002
    stretched = face() * np.array([1, 1.25, 1], np.float32)
    assert shape_difference(face(), stretched) > 0.02
