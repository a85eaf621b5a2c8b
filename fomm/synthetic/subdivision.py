"""Catmull-Clark subdivision of a quad mesh, as a linear map that can be applied to any values per vertex."""

from __future__ import annotations

import numpy as np

from fomm.synthetic.arrays import Array


class Subdivision:
    """One Catmull-Clark step. Its rules depend on the faces alone: positions, shape keys and weights follow.

    Args:
        faces: `(F, 4)` vertex indices of a quad mesh; edges with one face are kept as sharp borders.
        count: how many vertices there are.

    Attributes:
        faces: `(4 F, 4)` faces of the finer mesh, whose vertices are the old ones, then one for each edge,
            then one for each face.
        edges: `(E, 2)` edges of the coarse mesh.
        coarse_faces: `(F, 4)` the faces it was made from.
        coarse_count: how many vertices the coarse mesh has.
    """

    def __init__(self, faces: Array, count: int) -> None:
        quads = np.asarray(faces, np.int64)
        sides = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1)  # (F, 4, 2)
        edges, of_side, uses = np.unique(
            np.sort(sides.reshape(-1, 2), axis=1), axis=0, return_inverse=True, return_counts=True
        )
        of_side = of_side.reshape(quads.shape)
        self.edges, self.coarse_count = edges, count
        self.coarse_faces, self._of_side = quads, of_side
        self._border = uses == 1
        self._valence = np.bincount(edges.ravel(), minlength=count)
        on_border = np.zeros(count, bool)
        on_border[edges[self._border].ravel()] = True
        self._on_border = on_border

        edge, face = count + of_side, count + len(edges) + np.arange(len(quads))
        before = np.roll(edge, 1, axis=1)
        self.faces: Array = np.stack(
            [quads, edge, np.repeat(face[:, None], 4, axis=1), before], axis=-1
        ).reshape(-1, 4)
        self.count = count + len(edges) + len(quads)

    def linear(self, values: Array) -> Array:
        """Values at the finer vertices by plain interpolation, for masks that must not bleed; as `apply`."""
        return np.concatenate(
            [values, values[self.edges].mean(axis=1), values[self.coarse_faces].mean(axis=1)]
        )

    def apply(self, values: Array) -> Array:
        """Values `(count, ...)` at the coarse vertices → values at the finer ones, smoothed."""
        values = np.asarray(values)
        flat = values.reshape(len(values), -1).astype(np.float64)
        faces = flat[self.coarse_faces].mean(axis=1)
        middles = flat[self.edges].mean(axis=1)

        face_sum = np.zeros_like(middles)
        np.add.at(face_sum, self._of_side.ravel(), np.repeat(faces, 4, axis=0))
        edges = np.where(self._border[:, None], middles, middles / 2 + face_sum / 4)

        around_faces, around_edges, border_sum = (np.zeros_like(flat) for _ in range(3))
        np.add.at(around_faces, self.coarse_faces.ravel(), np.repeat(faces, 4, axis=0))
        np.add.at(around_edges, self.edges.ravel(), np.repeat(middles, 2, axis=0))
        np.add.at(border_sum, self.edges[self._border].ravel(), np.repeat(middles[self._border], 2, axis=0))
        n = np.maximum(self._valence, 1)[:, None].astype(np.float64)
        inner = (around_faces / n + 2 * around_edges / n + (n - 3) * flat) / n
        rim = flat / 2 + border_sum / 4
        lonely = self._valence == 0
        vertices = np.where(self._on_border[:, None], rim, inner)
        vertices[lonely] = flat[lonely]
        return np.concatenate([vertices, edges, faces]).reshape(self.count, *values.shape[1:])
