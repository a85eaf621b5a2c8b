"""Eyelids: where their edges run, and keeping them outside the eyeball while they close.

Facial actions move vertices along straight lines, so a closing lid would cut through the ball it slides over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array
from fomm.synthetic.heads import Head, Topology
from fomm.synthetic.paint import Regions

#: The inner rim of the left eye's lids in MakeHuman's base mesh.
LEFT_RIM = (*range(7747, 7773), 11716, 11717)


@dataclass(frozen=True)
class LidEdge:
    """The front edge of one lid, from the nose outwards.

    Attributes:
        vertices: `(E,)` vertices along it.
        corners: `(E, 3)` a triangle of skin at each, which the lashes there follow.
    """

    left: bool
    upper: bool
    vertices: Array
    corners: Array


def lid_edges(topology: Topology, regions: Regions) -> list[LidEdge]:
    """The four lids' edges."""
    p = topology.template
    coarse = topology.subdivisions[0]
    rim = np.searchsorted(topology.kept, LEFT_RIM)
    in_rim = np.zeros(coarse.count, bool)
    in_rim[rim] = True
    a, b = coarse.edges.T
    around = np.unique(np.concatenate([b[in_rim[a] & ~in_rim[b]], a[in_rim[b] & ~in_rim[a]]]))
    distance = np.linalg.norm(p[around] - regions.left_eye, axis=1)
    front = around[distance > np.linalg.norm(p[rim] - regions.left_eye, axis=1).min() + 0.0004]

    body = topology.parts["body"]
    base_vertices = np.flatnonzero(regions.body[: coarse.coarse_count])
    edges = []
    for left in (True, False):
        if left:
            ring = front
        else:
            mirrored = p[front] * [-1, 1, 1]
            gap = ((p[base_vertices][None] - mirrored[:, None]) ** 2).sum(axis=2)
            ring = base_vertices[gap.argmin(axis=1)]
        eye = regions.left_eye if left else regions.right_eye
        out = np.abs(p[ring, 0]) - abs(eye[0])
        middle = np.interp(out, [-0.011, 0.013], [-0.0012, 0.0002])
        for upper in (True, False):
            side = (p[ring, 2] - eye[2] > middle) == upper
            chosen = ring[side][np.argsort(out[side])]
            corners = np.stack([_triangle_at(body, vertex) for vertex in chosen])
            edges.append(LidEdge(left, upper, chosen, corners))
    return edges


def _triangle_at(faces: Array, vertex: int) -> Array:
    face = faces[np.flatnonzero((faces == vertex).any(axis=1))[0]]
    k = int(np.flatnonzero(face == vertex)[0])
    corners: Array = face[[k, (k + 1) % 4, (k + 2) % 4]]
    return corners


class LidGuard:
    """Keeps the skin around an eye outside its ball.

    Args:
        centre, radius: the eyeball at rest.
        clearance: how far off the ball the lids are held, metres; never farther than they are at rest.
    """

    def __init__(self, head: Head, regions: Regions, centre: Array, radius: float, clearance: float) -> None:
        distance = np.linalg.norm(head.rest - centre, axis=1)
        self._near = np.flatnonzero((distance < 2.2 * radius) & (regions.body > 0))
        self._centre = centre.astype(np.float32)
        self._least = np.minimum(distance[self._near], radius + clearance).astype(np.float32)

    def apply(self, vertices: Array) -> None:
        """Push `(N, 3)` vertices out, in place."""
        away = vertices[self._near] - self._centre
        distance = np.linalg.norm(away, axis=1)
        scale = np.maximum(self._least / np.maximum(distance, 1e-6), 1)
        vertices[self._near] = self._centre + away * scale[:, None]
