"""Rasterising a small mesh into a coarse sampling grid, without a GPU and without a loop over triangles."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]


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
    first = np.maximum(np.ceil(low), 0).astype(np.int32)
    last = np.minimum(np.floor(high), [width - 1, height - 1]).astype(np.int32)
    columns, rows = (last - first + 1).T
    drawn = np.flatnonzero((area > 1e-6) & (columns > 0) & (rows > 0))
    columns, rows = columns[drawn], rows[drawn]

    # Every cell of every triangle's bounding box, as one long list.
    counts = columns * rows
    owner = np.repeat(np.arange(len(drawn)), counts)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    dy, dx = np.divmod(offset, columns[owner])
    x = (dx + first[drawn, 0][owner]).astype(np.float32)
    y = (dy + first[drawn, 1][owner]).astype(np.float32)

    # Barycentric weights of b and c are affine in (x, y): three coefficients each.
    scale = 1 / area[drawn]
    a, ab, ac = a[drawn], ab[drawn], ac[drawn]
    b_x, b_y = ac[:, 1] * scale, -ac[:, 0] * scale
    c_x, c_y = -ab[:, 1] * scale, ab[:, 0] * scale
    b_0 = -(b_x * a[:, 0] + b_y * a[:, 1])
    c_0 = -(c_x * a[:, 0] + c_y * a[:, 1])
    weight_b = b_x[owner] * x + b_y[owner] * y + b_0[owner]
    weight_c = c_x[owner] * x + c_y[owner] * y + c_0[owner]
    slack = -1e-4  # cells on a shared edge belong to both triangles, rather than to none
    inside = np.flatnonzero((weight_b >= slack) & (weight_c >= slack) & (weight_b + weight_c <= 1 - slack))

    owner, weight_b, weight_c = owner[inside], weight_b[inside, None], weight_c[inside, None]
    corners = triangles[drawn]
    value_a = values[corners[:, 0]]
    value_ab = values[corners[:, 1]] - value_a
    value_ac = values[corners[:, 2]] - value_a
    out = np.full((height * width, values.shape[1]), np.nan, np.float32)
    cells = (y[inside] * width + x[inside]).astype(np.intp)
    out[cells] = value_a[owner] + value_ab[owner] * weight_b + value_ac[owner] * weight_c
    return out.reshape(height, width, values.shape[1])
