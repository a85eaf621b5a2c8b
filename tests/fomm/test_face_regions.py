"""The geometry between a picture and the network that looks at a part of it."""

from __future__ import annotations

import math
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fomm.animators import Landmarks
from fomm.faces import regions as module
from fomm.faces.regions import Region, overlap

regions = st.builds(
    Region,
    x=st.floats(-200, 900),
    y=st.floats(-200, 900),
    width=st.floats(4, 800),
    height=st.floats(4, 800),
    angle=st.floats(-math.pi, math.pi, exclude_max=True),
)
boxes = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.1, 60), st.floats(0.1, 60)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def face(angle: float = 0.0, *, x: float = 300.0, y: float = 200.0, size: float = 80.0) -> Landmarks:
    """Points on a circle, the outer eye corners level before it is turned."""
    around = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.stack([np.cos(around), np.sin(around), 0 * around], axis=1) * size
    points[33], points[263] = (-size / 2, -size / 4, 0), (size / 2, -size / 4, 0)
    cos, sin = math.cos(angle), math.sin(angle)
    turned = points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return (turned + np.array([x, y, 0])).astype(np.float32)


@given(region=regions)
def test_the_middle_and_the_sides_are_where_they_belong(region: Region) -> None:
    points = np.array([[0.5, 0.5, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    middle, corner, along, down = region.place(points)[:, :2]
    np.testing.assert_allclose(middle, (region.x, region.y), atol=1e-2)
    np.testing.assert_allclose(np.linalg.norm(along - corner), region.width, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(down - corner), region.height, rtol=1e-3, atol=1e-3)
    # Down is a quarter turn clockwise from along, as in a picture.
    cross = (along - corner)[0] * (down - corner)[1] - (along - corner)[1] * (down - corner)[0]
    assert cross > 0


@given(region=regions, depth=st.floats(-1, 1))
def test_depth_is_measured_in_widths(region: Region, depth: float) -> None:
    placed = region.place(np.array([[0.2, 0.7, depth]], np.float32))
    np.testing.assert_allclose(placed[0, 2], depth * region.width, rtol=1e-4, atol=1e-6)


@given(
    angle=st.floats(-math.pi, 3.14),
    u=st.floats(0.2, 0.8),
    v=st.floats(0.2, 0.8),
    side=st.floats(80, 220),
)
def test_what_is_cut_out_is_what_is_placed(angle: float, u: float, v: float, side: float) -> None:
    """A spot at some place of the region appears at that place of the cut."""
    region = Region(250, 240, side, side, angle)
    x, y = region.place(np.array([[u, v, 0]], np.float32))[0, :2]
    rows, columns = np.mgrid[:500, :500]
    spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (side / 20) ** 2))
    cut = region.cut(np.repeat(spot[..., None], 3, axis=2).astype(np.uint8), 128)
    moments = cv2.moments(cut[..., 0])
    found = np.array([moments["m10"], moments["m01"]]) / moments["m00"] / 128
    np.testing.assert_allclose(found, (u, v), atol=0.02)


@given(
    x=st.floats(-90, 390),
    y=st.floats(-90, 290),
    width=st.floats(20, 400),
    height=st.floats(20, 400),
    angle=st.floats(-3.1, 3.1),
    beyond=st.sampled_from([cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT]),
)
def test_a_fourth_channel_changes_nothing(
    x: float, y: float, width: float, height: float, angle: float, beyond: int
) -> None:
    """Nor does it that only a part of the picture gets one, wherever the region is."""
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8), (0, 0), 2)
    region = Region(x, y, width, height, angle)
    with patch.object(module, "_FOURTH_CHANNEL_TO", 0):
        straight = region.cut(picture, 64, beyond=beyond)
    with patch.object(module, "_FOURTH_CHANNEL_TO", math.inf):
        by_four = region.cut(picture, 64, beyond=beyond)
    assert np.abs(straight.astype(int) - by_four).max() <= 1


@given(angle=st.floats(-3.1, 3.1), x=st.floats(0, 1000), y=st.floats(0, 1000), size=st.floats(5, 500))
def test_a_region_turns_moves_and_grows_with_the_face(angle: float, x: float, y: float, size: float) -> None:
    region = Region.around_face(face(angle, x=x, y=y, size=size))
    assert abs(math.remainder(region.angle - angle, 2 * math.pi)) < 1e-3
    np.testing.assert_allclose((region.x, region.y), (x, y), atol=0.02 * size)
    assert region.width == region.height
    np.testing.assert_allclose(region.width, 1.5 * 2 * size, rtol=0.02)


@given(angle=st.floats(-3.1, 3.1))
def test_eyes_tell_the_roll(angle: float) -> None:
    right, left = np.zeros(2, np.float32), np.float32([40 * math.cos(angle), 40 * math.sin(angle)])
    region = Region.around_eyes((10, 20, 110, 80), right, left)
    assert region.angle == pytest.approx(angle, abs=1e-5)
    assert (region.x, region.y, region.width, region.height) == (60, 50, 150, 90)


def test_upside_down_is_minus_half_a_turn() -> None:
    region = Region.around_eyes((0, 0, 1, 1), np.float32([1, 0]), np.float32([0, 0]))
    assert region.angle == pytest.approx(-math.pi)


@given(one=boxes, other=boxes)
def test_overlap_is_a_share_and_takes_no_sides(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    share = overlap(one, other)
    assert 0 <= share <= 1
    assert share == pytest.approx(overlap(other, one))
    assert overlap(one, one) == pytest.approx(1)


@given(one=boxes, shift=st.floats(-40, 40))
def test_overlap_of_a_shifted_box(one: tuple[float, float, float, float], shift: float) -> None:
    left, top, right, bottom = one
    width = right - left
    assume(abs(shift) < width)
    expected = (width - abs(shift)) / (width + abs(shift))
    assert overlap(one, (left + shift, top, right + shift, bottom)) == pytest.approx(expected, abs=1e-6)


def test_regions_overlap_as_their_upright_boxes() -> None:
    one, other = Region(50, 50, 40, 20, 0.0), Region(60, 50, 40, 20, 1.0)
    assert one.overlap(other) == pytest.approx(30 / 50)
    assert one.overlap(Region(500, 50, 40, 20, 0.0)) == 0
