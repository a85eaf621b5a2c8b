"""Teeth and gums: MakeHuman's tooth strips guide rows of separate, rounded teeth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array

#: Crown widths and heights of one side's teeth from the middle outwards, millimetres.
UPPER = [(8.6, 10.2), (6.7, 9.0), (7.6, 9.8), (7.0, 8.4), (6.8, 8.0), (9.6, 7.4)]
LOWER = [(5.4, 8.6), (5.9, 8.8), (6.8, 9.6), (7.0, 8.4), (7.1, 8.0), (10.0, 7.4)]


#: Where the biting edges meet, a little under the lips' slit, template metres.
BITE = 0.6606


@dataclass(frozen=True)
class Row:
    """One row of teeth with its gum, in template coordinates."""

    vertices: Array
    faces: Array
    gum: Array  # (N,) 1 on the gum, 0 on the teeth


def build_row(guide: Array, *, upper: bool) -> Row:
    """Teeth along the arch of a guide strip.

    Args:
        guide: `(N, 3)` template vertices of MakeHuman's tooth strip.
        upper: whether they hang from above.
    """
    low, high = guide.min(axis=0), guide.max(axis=0)
    half, front, back = (high[0] - low[0]) / 2, low[1], high[1]
    u = np.linspace(-1, 1, 801)
    arch = np.stack(
        [half * u * 0.94, front + (0.0042 if upper else 0.0062) + (back - front) * np.abs(u) ** 2.3 * 0.97],
        axis=1,
    )
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(arch, axis=0), axis=1))])
    arc -= arc[400]
    sizes = UPPER if upper else LOWER
    edge = BITE + (-0.0022 if upper else 0.0004)
    sign = 1.0 if upper else -1.0  # towards the gum

    pieces: list[tuple[Array, Array, float]] = []
    for side in (-1.0, 1.0):
        at = -0.0002
        for index, (width, height) in enumerate(sizes):
            w, h = width * 1e-3, height * 1e-3
            middle = side * (at + w / 2)
            at += w * 0.945
            x, y = np.interp(middle, arc, arch[:, 0]), np.interp(middle, arc, arch[:, 1])
            ahead = np.array([np.interp(middle + 1e-3, arc, arch[:, k]) for k in (0, 1)]) - [x, y]
            across = np.append(ahead / np.linalg.norm(ahead), 0.0)
            outward = np.cross([0.0, 0.0, 1.0], across)
            lift = 0.0004 * index + (0.0006 if index == 1 else 0.0)
            centre = np.array([x, y, edge + sign * (h / 2 + lift)])
            depth = 0.0032 if index < 3 else 0.0045
            vertices, faces = _tooth(w * 0.5, h * 0.56, depth, sign)
            world = centre + vertices @ np.stack([across, outward, [0.0, 0.0, 1.0]])
            pieces.append((world, faces, 0.0))
    pieces.append((*_gum(arch, edge + sign * 0.0105, sign), 1.0))

    start, all_vertices, all_faces, gum = 0, [], [], []
    for vertices, faces, is_gum in pieces:
        all_vertices.append(vertices)
        all_faces.append(faces + start)
        gum.append(np.full(len(vertices), is_gum))
        start += len(vertices)
    return Row(np.concatenate(all_vertices), np.concatenate(all_faces).astype(np.int32), np.concatenate(gum))


def _tooth(a: float, c: float, b: float, sign: float) -> tuple[Array, Array]:
    """A rounded box with half sizes a (across), b (deep), c (high), narrower at the gum."""
    rows, columns = 17, 24
    v = np.linspace(-np.pi / 2, np.pi / 2, rows)[:, None]
    u = np.linspace(-np.pi, np.pi, columns, endpoint=False)[None]

    def power(x: Array, e: float) -> Array:
        return np.sign(x) * np.abs(x) ** e

    x = power(np.cos(v), 0.30) * power(np.cos(u), 0.45)
    y = power(np.cos(v), 0.6) * power(np.sin(u), 0.75)
    z = power(np.sin(v), 0.75) * np.ones_like(u)
    neck = 1.02 - 0.14 * np.clip(z * sign, 0, 1) ** 1.5
    bow = 1 - 0.35 * np.clip(-z * sign, 0, 1)  # thinner towards the biting edge
    vertices = np.stack([x * a * neck, y * b * bow, z * c], axis=-1).reshape(-1, 3)
    return vertices, tube(rows, columns)


def _gum(arch: Array, height: float, sign: float) -> tuple[Array, Array]:
    """A rounded band of gum along the arch, scalloped by nothing but the teeth that stand in it."""
    path = arch[::16]
    turn = np.linspace(-np.pi, np.pi, 12, endpoint=False)
    ahead = np.gradient(path, axis=0)
    out = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    ring_out, ring_up = np.cos(turn) * 0.0041, np.sin(turn) * 0.0052
    x = path[:, None, 0] + out[:, None, 0] * ring_out
    y = path[:, None, 1] + out[:, None, 1] * ring_out
    z = height + ring_up[None] * np.ones((len(path), 1)) * sign
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    faces = tube(len(path), len(turn))
    return vertices, faces[:, ::-1] if sign > 0 else faces


def tube(rows: int, columns: int) -> Array:
    """Quads between `rows` closed rings of `columns` vertices each."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    n = (c + 1) % columns
    return np.stack(
        [r * columns + c, r * columns + n, (r + 1) * columns + n, (r + 1) * columns + c], axis=-1
    ).reshape(-1, 4)


def fit_affine(source: Array, target: Array) -> Array:
    """`(4, 3)` least-squares affine map that takes `(N, 3)` source points to target points."""
    homogeneous = np.hstack([source, np.ones((len(source), 1))])
    solution: Array = np.linalg.lstsq(homogeneous, target, rcond=None)[0]
    return solution
