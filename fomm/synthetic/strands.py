"""Hair, brows, lashes and beards as strands that grow from the skin.

A strand is a polyline; `Strands` keeps its points in the frame of the triangle it grows from, so it follows
the skin wherever the face takes it. Long hair is combed over an approximate skull, which keeps it outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array, unit


@dataclass(frozen=True)
class Strands:
    """Strands rooted on a mesh.

    Attributes:
        corners: `(S, 3)` vertices of the triangle each strand grows from.
        points: `(S, P, 3)` points in that triangle's frame (see `frames`), metres.
        half_width: `(S, P)` half of the ribbon's width, metres.
        chance: `(S,)` a random number in [0, 1) for each strand, for colour.
    """

    corners: Array
    points: Array
    half_width: Array
    chance: Array

    def place(self, vertices: Array) -> Array:
        """`(S, P, 3)` points on the given vertices."""
        origin, axes = frames(vertices, self.corners)
        placed: Array = (origin[:, None] + np.einsum("spi,sij->spj", self.points, axes)).astype(np.float32)
        return placed


def frames(vertices: Array, corners: Array) -> tuple[Array, Array]:
    """Origins `(S, 3)` and axes `(S, 3, 3)`, one axis a row, the last along the normal, of triangles."""
    a, b, c = (vertices[corners[:, k]] for k in range(3))
    along = unit(b - a)
    normal = unit(np.cross(b - a, c - a))
    return (a + b + c) / 3, np.stack([along, np.cross(normal, along), normal], axis=1)


def root(
    vertices: Array, corners: Array, points: Array, half_width: Array, rng: np.random.Generator
) -> Strands:
    """Strands from world points `(S, P, 3)`, tied to their triangles as they lie in `vertices`."""
    origin, axes = frames(vertices, corners)
    local = np.einsum("spj,sij->spi", points - origin[:, None], axes)
    return Strands(
        corners, local.astype(np.float32), half_width.astype(np.float32), rng.random(len(points), np.float32)
    )


def scatter(
    vertices: Array, faces: Array, density: Array, count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Random places on quads: `(S, 3)` corners of the triangle and `(S, 3)` positions.

    Args:
        density: for each vertex, how thickly (0 for none).
    """
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    triangles = triangles[density[triangles].mean(axis=1) > 1e-3]
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    weight = np.linalg.norm(np.cross(b - a, c - a), axis=1) * density[triangles].mean(axis=1)
    chosen = rng.choice(len(triangles), count, p=weight / weight.sum())
    u, v = rng.random((2, count, 1))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    return triangles[chosen], a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]


class Skull:
    """The mesh as an obstacle: signed distance to, and direction away from, the nearest skin."""

    def __init__(self, vertices: Array, normals: Array) -> None:
        self._points = vertices.astype(np.float32)
        self._normals = normals.astype(np.float32)
        self._square = (self._points**2).sum(axis=1) / 2

    def nearest(self, points: Array) -> tuple[Array, Array]:
        """Signed distances `(...)` and outward normals `(..., 3)` at points `(..., 3)`."""
        flat = points.reshape(-1, 3).astype(np.float32)
        distance, normal = np.empty(len(flat), np.float32), np.empty_like(flat)
        for start in range(0, len(flat), 4096):
            some = slice(start, start + 4096)
            score = flat[some] @ self._points.T - self._square
            best = score.argmax(axis=1)
            normal[some] = self._normals[best]
            distance[some] = ((flat[some] - self._points[best]) * normal[some]).sum(axis=1)
        return distance.reshape(points.shape[:-1]), normal.reshape(points.shape)


def grow(
    roots: Array,
    skull: Skull,
    comb: Callable[[Array, Array, float], Array],
    length: Array,
    layer: Array,
    rng: np.random.Generator,
    *,
    points: int = 12,
    clumps: int = 0,
    stray: float = 0.12,
) -> Array:
    """Grow strands `(S, P, 3)` from `roots` along a combing, kept `layer` metres off the skull.

    Args:
        comb: positions `(S, 3)`, skull normals `(S, 3)` and the share grown so far → directions `(S, 3)`.
        length: `(S,)` metres.
        layer: `(S,)` metres between skin and the strand's middle.
        stray: how much each strand goes its own way.
        clumps: neighbouring strands lean towards this many leaders, as real hair does.
    """
    step = (length / (points - 1))[:, None]
    here = roots.copy()
    _, normal = skull.nearest(here)
    line = [here]
    wander = rng.normal(size=roots.shape) * stray
    for k in range(1, points):
        share = k / (points - 1)
        ahead = comb(here, normal, share) + wander
        ahead = unit(ahead)
        here = here + step * ahead
        distance, normal = skull.nearest(here)
        wanted = layer * min(1.0, 0.25 + 1.5 * share)
        push = np.maximum(wanted - distance, 0)[:, None]
        here = here + push * normal
        line.append(here)
    strands = np.stack(line, axis=1)
    if clumps:
        leaders = rng.choice(len(strands), min(clumps, len(strands)), replace=False)
        heads = roots[leaders].astype(np.float32)
        score = roots.astype(np.float32) @ heads.T - (heads**2).sum(axis=1) / 2
        mine = leaders[score.argmax(axis=1)]
        pull = np.linspace(0, 1, points)[None, :, None] ** 1.3 * rng.uniform(0.25, 0.75, (len(roots), 1, 1))
        strands = strands + (strands[mine] - strands) * pull
    return strands


def taper(half_width: float, count: int, points: int, *, tip: float = 0.25) -> Array:
    """`(count, points)` half widths that run out towards the tip."""
    t = np.linspace(0, 1, points)
    return np.repeat((half_width * (1 - (1 - tip) * t**1.5))[None], count, axis=0)


def ribbons(placed: Array) -> tuple[Array, Array]:
    """Positions and tangents `(S, P, 2, 3)` of both edges of the ribbons along placed points `(S, P, 3)`."""
    both = [np.repeat(values[:, :, None], 2, axis=2) for values in (placed, np.gradient(placed, axis=1))]
    return both[0], both[1]


def ribbon_shape(strands: Strands) -> Array:
    """`(S, P, 2, 4)` float32: side (-1 or 1), half width, share along the strand, and its chance."""
    shape = np.empty((*strands.half_width.shape, 2, 4), np.float32)
    shape[..., 0] = [-1, 1]
    shape[..., 1] = strands.half_width[..., None]
    shape[..., 2] = np.linspace(0, 1, shape.shape[1])[None, :, None]
    shape[..., 3] = strands.chance[:, None, None]
    return shape


def ribbon_indices(count: int, points: int) -> Array:
    """`(T, 3)` triangles of `count` ribbons."""
    start = (np.arange(count)[:, None] * points + np.arange(points - 1)[None]).reshape(-1, 1) * 2
    pairs = np.concatenate([start + np.array([0, 1, 2]), start + np.array([2, 1, 3])])
    return pairs.astype(np.int32)
