"""Pasting frames back into the picture, and laying them out beside what they were made from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fomm.crops import Square
from fomm.offline.layout import SideBySide
from fomm.paste import Paste

Pixels = NDArray[np.uint8]
Noise = Callable[..., Pixels]

places = st.integers(-60, 160)


def flat(height: int, width: int, value: int) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


@given(left=places, top=places, side=st.integers(20, 200))
def test_the_picture_is_changed_within_the_region_alone(left: int, top: int, side: int) -> None:
    picture = flat(150, 200, 50)
    region = Square(left, top, side)
    if left >= 200 or top >= 150 or left + side <= 0 or top + side <= 0:
        return
    pasted = Paste(picture, region)(flat(64, 64, 250))
    rows, columns = np.nonzero(pasted[..., 0] != 50)
    assume(len(rows))  # a sliver at the border may be all fade
    assert rows.min() >= top
    assert columns.min() >= left
    assert rows.max() < top + side
    assert columns.max() < left + side
    assert (picture == 50).all(), "the picture itself is not written to"


def test_edges_within_the_picture_are_faded_smoothly() -> None:
    line = Paste(flat(300, 300, 0), Square(100, 100, 100))(flat(100, 100, 200))[150, :, 0].astype(int)
    assert (line[:100] == 0).all()
    assert (line[200:] == 0).all()
    assert (line[110:190] == 200).all()
    assert (np.diff(line[99:111]) >= 0).all()
    assert np.abs(np.diff(line)).max() <= 40, "no visible edge"


def test_edges_on_the_pictures_own_are_not_faded() -> None:
    pasted = Paste(flat(100, 200, 0), Square(-10, -20, 140))(flat(64, 64, 200))
    assert (pasted[:, :110] == 200).all()
    assert pasted[50, 129, 0] < 10


@pytest.mark.parametrize("region", [Square(40, 30, 64), Square(-20, -10, 64), Square(170, 120, 64)])
def test_what_was_cut_out_fits_where_it_was(noise: Noise, region: Square) -> None:
    picture = noise(150, 200)
    pasted = Paste(picture, region)(region.take(picture))
    assert np.abs(pasted.astype(int) - picture).max() <= 1


def test_a_small_frame_is_enlarged_to_the_region(noise: Noise) -> None:
    picture = noise(200, 200)
    region = Square(40, 40, 128)
    pasted = Paste(picture, region)(region.cut(picture, (64, 64)))
    assert np.abs(pasted.astype(int) - picture).mean() < 2


def test_side_by_side_is_as_high_as_the_result() -> None:
    beside = SideBySide(flat(40, 20, 10), (160, 80), (30, 60))
    row = beside(flat(80, 160, 100), flat(60, 30, 200))
    assert beside.size == (30 + 120 + 30, 60)
    assert row.shape == (60, 180, 3)
    assert (row[:, :30] == 10).all()
    assert (row[:, 30:150] == 100).all()
    assert (row[:, 150:] == 200).all()


def test_a_video_that_changes_its_size_keeps_its_place() -> None:
    beside = SideBySide(flat(60, 60, 10), (160, 80), (60, 60))
    assert beside(flat(33, 200, 1), flat(60, 60, 2)).shape[1::-1] == beside.size
