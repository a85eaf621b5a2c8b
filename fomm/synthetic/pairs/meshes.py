"""What people of pairs wear: meshes besides the head's own, each with what carries it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array
from fomm.synthetic.figure import smooth_normals


@dataclass(frozen=True)
class Posed:
    """A head and a hand in one frame, in world space.

    Attributes:
        vertices, normals: `(N, 3)` of the head's own mesh.
        skull: `(4, 4)` transform from rest to where the head is.
        trunk: `(4, 4)` transform from rest to where the shoulders are.
        hand: `(4, 4)` transform of what is modelled around the middle of a hand's palm.
        creases: `(4,)` how much the expression folds forehead, glabella, corners of the eyes, and cheeks, 0 to 1.
    """

    vertices: Array
    normals: Array
    skull: Array
    trunk: Array
    hand: Array
    creases: Array


#: Where a mesh is in a frame: vertices and normals `(M, 3)`.
Carrier = Callable[[Posed], tuple[Array, Array]]


@dataclass(frozen=True)
class Worn:
    """One mesh.

    Attributes:
        kind: one of `drawing.KINDS`; settles how it is painted.
        quads: `(F, 4)`.
        rest: `(M, 3)` and traits `(M, 4)`: what the shaders call rest and mask.
        carrier: where it is.
    """

    kind: str
    quads: Array
    rest: Array
    traits: Array
    carrier: Carrier


@dataclass(frozen=True)
class Rigid:
    """Goes with the head as one piece: `(M, 3)` vertices and normals at rest."""

    vertices: Array
    normals: Array

    def __call__(self, posed: Posed) -> tuple[Array, Array]:
        """See `Carrier`."""
        return moved(posed.skull, self.vertices, self.normals)


@dataclass(frozen=True)
class Held:
    """Is the hand, or in it: `(M, 3)` vertices and normals about the palm."""

    vertices: Array
    normals: Array

    def __call__(self, posed: Posed) -> tuple[Array, Array]:
        """See `Carrier`."""
        return moved(posed.hand, self.vertices, self.normals)


@dataclass(frozen=True)
class OnSkin:
    """Grows on the skin: `(M,)` vertices of the head, and metres above them."""

    over: Array
    height: Array

    def __call__(self, posed: Posed) -> tuple[Array, Array]:
        """See `Carrier`."""
        normals = posed.normals[self.over]
        return posed.vertices[self.over] + self.height[:, None] * normals, normals


@dataclass(frozen=True)
class Hanging:
    """Hangs from the head down to shoulders that stay: `(M,)` how much of the head's turn arrives."""

    vertices: Array
    normals: Array
    share: Array

    def __call__(self, posed: Posed) -> tuple[Array, Array]:
        """See `Carrier`."""
        places, normals = moved(posed.skull, self.vertices, self.normals)
        stay, _ = moved(posed.trunk, self.vertices, self.normals)
        return stay + self.share[:, None] * (places - stay), normals


def moved(transform: Array, vertices: Array, normals: Array) -> tuple[Array, Array]:
    """Vertices and normals `(M, 3)` after a rigid `(4, 4)` transform."""
    turn = transform[:3, :3].T.astype(np.float32)
    return vertices @ turn + transform[:3, 3].astype(np.float32), normals @ turn


def rigid(kind: str, vertices: Array, quads: Array, rest: Array, traits: Array) -> Worn:
    """Something hard on the head."""
    vertices = np.asarray(vertices, np.float32)
    return Worn(kind, quads, rest, traits, Rigid(vertices, smooth_normals(vertices, quads)))


def joined(pieces: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Vertices and quads of several pieces as one."""
    ends = np.cumsum([0, *(len(vertices) for vertices, _ in pieces)])
    quads = [faces + start for (_, faces), start in zip(pieces, ends, strict=False)]
    return np.concatenate([vertices for vertices, _ in pieces]), np.concatenate(quads)


def sheet(rows: int, columns: int, *, closed: bool = False) -> Array:
    """Quads of a grid of `rows` by `columns` vertices; closed: the last column meets the first."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns - (not closed)), indexing="ij")
    n = (c + 1) % columns
    corners = [r * columns + c, r * columns + n, (r + 1) * columns + n, (r + 1) * columns + c]
    return np.stack(corners, axis=-1).reshape(-1, 4)


def tube(path: Array, radius: Array | float, *, sides: int = 6, closed: bool = False) -> tuple[Array, Array]:
    """A pipe along `(P, 3)` points; its radius, one number or `(P, 1, 1)`, or `(P, 1, 2)` across and upwards."""
    ahead = np.gradient(path, axis=0)
    if closed:
        ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    ahead = ahead / (np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9)
    # Across: level where possible.
    across = np.cross(ahead, [0.0, -1.0, 0.0])
    flat = np.linalg.norm(across, axis=1, keepdims=True) < 0.2
    across = np.where(flat, np.cross(ahead, [1.0, 0.0, 0.0]), across)
    across = across / (np.linalg.norm(across, axis=1, keepdims=True) + 1e-9)
    upwards = np.cross(across, ahead)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)[None] * np.asarray(radius)
    vertices = path[:, None] + circle[..., :1] * across[:, None] + circle[..., 1:] * upwards[:, None]
    quads = sheet(len(path), sides, closed=True)
    if closed:
        ring = np.arange(sides)
        last, following = (len(path) - 1) * sides, (ring + 1) % sides
        quads = np.concatenate([quads, np.stack([last + ring, last + following, following, ring], axis=1)])
    return vertices.reshape(-1, 3), quads
