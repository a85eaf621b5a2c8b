"""Rasterising a small mesh into a coarse sampling grid, without a GPU and without a loop over triangles."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

#: A weight may be as negative as this: cells on a shared edge belong to both triangles, rather than to none.
_SLACK = np.float32(1e-4)


def rasterise(vertices: Array, values: Array, triangles: NDArray[np.intp], shape: tuple[int, int]) -> Array:
    """Interpolate per-vertex values over triangles.

    Each triangle is one local affine map, the first-order motion of the paper's equation 4 with the blend
    weights of a mesh. Where triangles overlap, the later one wins, so they come sorted from back to front.
    Triangles that are turned over or degenerate are not drawn.

    Args:
        vertices: `(V, 2)` float32 positions in grid cells, x first; cell (0, 0) is sampled at its own (0, 0).
        values: `(V, C)` float32, interpolated linearly inside each triangle.
        triangles: `(T, 3)` indices, clockwise in the picture (x right, y down).
        shape: height and width of the grid.

    Returns:
        `(height, width, C)` float32; NaN where no triangle lies.
    """
    height, width = shape
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    low = np.minimum(np.minimum(a, b), c)
    high = np.maximum(np.maximum(a, b), c)
    top = np.maximum(np.ceil(low[:, 1]), 0).astype(np.int32)
    rows = np.minimum(np.floor(high[:, 1]), height - 1).astype(np.int32) - top + 1
    drawn = np.flatnonzero((area > 1e-6) & (rows > 0) & (high[:, 0] >= 0) & (low[:, 0] <= width - 1))

    # Barycentric weights of b and c change evenly along x and along y.
    a, ab, ac, scale = a[drawn], ab[drawn], ac[drawn], 1 / area[drawn]
    b_x, b_y = ac[:, 1] * scale, -ac[:, 0] * scale
    c_x, c_y = -ab[:, 1] * scale, ab[:, 0] * scale

    # Every row of every triangle, as one long list, with its weights at a's x.
    owner, offset = _runs(rows[drawn])
    y = top[drawn][owner] + offset
    a_x, down = a[owner, 0], (y - a[owner, 1]).astype(np.float32)
    row_b, row_c = b_y[owner] * down, c_y[owner] * down

    # Where in the row no weight is negative: each of the three bounds it on one side.
    start, end = np.maximum(low[drawn, 0], 0)[owner], np.minimum(high[drawn, 0], width - 1)[owner]
    for change, weight in ((b_x, row_b), (c_x, row_c), (-b_x - c_x, 1 - row_b - row_c)):
        grows = (change >= 0)[owner]
        pace = np.where(change == 0, np.float32(1e-9), change)
        bound = np.clip(a_x - (weight + _SLACK) * (1 / pace)[owner], -1, width)
        np.maximum(start, bound, out=start, where=grows)
        np.minimum(end, bound, out=end, where=~grows)
    start = np.ceil(start)
    row_b += b_x[owner] * (start - a_x)
    row_c += c_x[owner] * (start - a_x)
    lengths = np.maximum(np.floor(end) - start + 1, 0).astype(np.intp)

    # Every cell of every row.
    row, offset = _runs(lengths)
    cells = (y * width + start.astype(np.intp))[row] + offset
    steps = offset.astype(np.float32)
    corners = triangles[drawn]
    out = np.full((height * width, values.shape[1]), np.nan, np.float32)
    # One channel at a time: arrays whose last axis is short are several times as slow.
    for channel, value in enumerate(values.T):
        value_a = value[corners[:, 0]]
        value_ab = value[corners[:, 1]] - value_a
        value_ac = value[corners[:, 2]] - value_a
        row_value = value_a[owner] + value_ab[owner] * row_b + value_ac[owner] * row_c
        change = value_ab * b_x + value_ac * c_x
        out[cells, channel] = row_value[row] + change[owner][row] * steps
    return out.reshape(height, width, values.shape[1])


def _runs(lengths: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For runs of so many items, laid end to end: the run that each item belongs to, and its place in it."""
    run = np.repeat(np.arange(len(lengths)), lengths)
    return run, np.arange(len(run)) - (np.cumsum(lengths) - lengths)[run]
