"""Rasterising triangles into a grid."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fomm.animators.landmark_warp.raster import rasterise

SQUARE = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], np.float32)
TWO = np.array([[0, 1, 2], [0, 2, 3]])

numbers = st.floats(-3, 3)


@given(numbers, numbers, numbers, numbers, numbers, numbers)
def test_an_affine_map_is_reproduced_exactly(
    a: float, b: float, c: float, d: float, e: float, f: float
) -> None:
    matrix, offset = np.array([[a, b], [c, d]], np.float32), np.array([e, f], np.float32)
    out = rasterise(SQUARE, SQUARE @ matrix + offset, TWO, (10, 10))
    y, x = np.mgrid[0:10, 0:10]
    expected = np.stack([x, y], axis=-1).astype(np.float32) @ matrix + offset
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_cells_outside_every_triangle_are_nan() -> None:
    out = rasterise(SQUARE / 3, SQUARE, TWO, (10, 10))
    assert not np.isnan(out[:4, :4]).any()
    assert np.isnan(out[4:, :]).all()
    assert np.isnan(out[:, 4:]).all()


def test_the_later_triangle_wins() -> None:
    vertices = np.concatenate([SQUARE, SQUARE])
    values = np.repeat([[1.0], [2.0]], 4, axis=0).astype(np.float32)
    both = np.concatenate([TWO, TWO + 4])
    assert (rasterise(vertices, values, both, (10, 10)) == 2).all()
    assert (rasterise(vertices, values, both[::-1], (10, 10)) == 1).all()


def test_turned_over_and_degenerate_triangles_are_not_drawn() -> None:
    assert np.isnan(rasterise(SQUARE, SQUARE, TWO[:, ::-1], (10, 10))).all()
    assert np.isnan(rasterise(SQUARE, SQUARE, np.array([[0, 1, 1]]), (10, 10))).all()


def test_triangles_beyond_the_grid_are_clipped() -> None:
    out = rasterise((SQUARE - 4.5) * 100, SQUARE, TWO, (10, 10))
    assert np.isfinite(out).all()


def test_nothing_to_draw_gives_an_empty_grid() -> None:
    assert np.isnan(rasterise(SQUARE + 100, SQUARE, TWO, (5, 7))).all()
