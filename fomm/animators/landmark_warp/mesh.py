"""The portrait's mesh: MediaPipe's face triangles, and rings of points around them for hair, neck and shoulders.

The face's vertices go where the landmarks go. The rings' vertices are moved by rule: what belongs to the head
follows the skull, the torso hardly moves, the neck blends between them, and what the face's outline does besides
(a jaw that drops, a cheek that puffs) is carried outwards and fades.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Landmarks
from fomm.landmarks import (
    CHIN,
    EYES,
    FOREHEAD,
    INNER_LIPS,
    LEFT_EAR,
    OVAL,
    RIGHT_EAR,
    RIGID,
    AvatarMotion,
    HeadMotion,
    face_triangles,
    face_width,
)

Array: TypeAlias = NDArray[np.floating[Any]]

#: Ring radii, in multiples of the face's outline around its centre.
_RINGS = (1.12, 1.3, 1.55, 1.9, 2.5, 3.5)
_RING_SIZES = (36, 36, 36, 18, 18, 18)
#: Rings keep at least this share of their distance at rest, so that the mesh never folds over.
_LEAST_SPACING = 0.2
#: A triangle this small, against what it would be, counts as turned over; and how long to go on unfolding.
_LEAST_FACING, _UNFOLD_STEPS = 0.02, 150
#: How far behind the face's rigid centre hair and skull turn, against the ears. On clips with turning heads 1.4 to
#: 2.2 moved the hair best.
_SKULL_DEPTH = 1.5
#: The share of the head's travel that the torso makes.
TORSO_TRAVEL = 0.05
#: Below the chin, in face heights, the head's motion has faded into the torso's.
_NECK = 0.25
#: How far the outline's expression reaches into the rings, in face widths.
_REACH = 0.13


@cache
def hole_triangles() -> NDArray[np.intp]:
    """Triangles across the openings of eyes and mouth, so that the sampling grid has no holes there."""
    right, left = (_ladder(eye.outline) for eye in EYES)
    # The left eye's outline runs the other way round in the picture.
    return np.concatenate([right, left[:, ::-1], _ladder(INNER_LIPS)])


def _ladder(outline: NDArray[np.intp]) -> NDArray[np.intp]:
    """An almond-shaped outline as rungs between its upper and lower edge, corner to corner."""
    half = len(outline) // 2
    upper = outline[: half + 1]
    lower = np.concatenate([outline[:1], outline[half:][::-1]])
    rungs = []
    for k in range(half):
        rungs += [(upper[k], upper[k + 1], lower[k + 1]), (upper[k], lower[k + 1], lower[k])]
    return np.array([t for t in rungs if len(set(t)) == 3], np.intp)


@dataclass(frozen=True, eq=False)
class PortraitMesh:
    """One source's mesh and the rules that move it.

    Attributes:
        landmarks: `(478, 3)` the source's, unfolded.
        points: `(V, 2)` source pixels: 468 face landmarks, then the rings.
        triangles: `(T, 3)` clockwise in the picture; the rings first.
        ring_triangles: how many of them are the rings'.
        depth: `(R, 3)` the rings' points in 3-D, source pixels.
        belongs_to_head: `(R, 1)` 1 on hair and skull, 0 on the torso.
        mobility: `(R, 1)` 0 on what is nailed to the picture (one layer: everything towards its border).
        spread: `(R, 36)` weights that carry the outline's expression into the rings.
    """

    landmarks: Landmarks
    points: Array
    triangles: NDArray[np.intp]
    ring_triangles: int
    depth: Array
    belongs_to_head: Array
    mobility: Array
    spread: Array

    def move(self, motion: AvatarMotion) -> tuple[Array, Array]:
        """Target positions `(V, 2)` and depths `(V,)` of all vertices."""
        head = motion.head
        rigid = head.apply(self.depth)[:, :2]
        travel = torso_travel(head) if motion.torso is None else motion.torso
        torso = self.depth[:, :2] + travel.astype(np.float32)
        rings = torso + (rigid - torso) * self.belongs_to_head
        rings += self.spread @ (motion.landmarks[OVAL, :2] - motion.rigid[OVAL, :2])
        rings = self.depth[:, :2] + (rings - self.depth[:, :2]) * self.mobility
        self._keep_apart(rings, motion.landmarks[OVAL, :2])
        positions = np.concatenate([motion.landmarks[:468, :2], rings])
        return positions.astype(np.float32), motion.landmarks[:468, 2]

    def _keep_apart(self, rings: Array, outline: Array) -> None:
        """Push ring points outwards, in place, where a turning face or a dropping jaw would run over them."""
        centre = outline.mean(axis=0)
        rest = self.points[OVAL]
        inner, start = outline, 0
        for size in _RING_SIZES:
            every = len(inner) // size
            ring, at_rest = rings[start : start + size], self.points[468 + start : 468 + start + size]
            away = ring - centre
            reach = np.linalg.norm(away, axis=1, keepdims=True)
            away /= np.maximum(reach, 1e-6)
            least = ((inner[::every] - centre) * away).sum(axis=1, keepdims=True)
            least += _LEAST_SPACING * np.linalg.norm(at_rest - rest[::every], axis=1, keepdims=True)
            ring += away * np.maximum(least - reach, 0)
            inner, rest, start = ring, at_rest, start + size


def torso_travel(head: HeadMotion) -> Array:
    """`(2,)` how far the torso goes with a head of which alone the motion is known, in source pixels."""
    return head.travel[:2] * np.float32(TORSO_TRAVEL)


def build_mesh(landmarks: Landmarks, *, hold_surroundings: bool = False) -> PortraitMesh:
    """The mesh of a source with `(478, 3)` landmarks in its pixels.

    Args:
        landmarks: the source's.
        hold_surroundings: for a picture in one layer, where what surrounds the head is part of the same layer:
            its motion then fades out around the head.
    """
    rings = _ring_points(landmarks)
    ids = np.concatenate([OVAL, 468 + np.arange(len(rings))])
    around = ids[_ring_triangles()]
    faces = np.concatenate([around, face_triangles()])
    points = unfold(np.concatenate([landmarks[:468, :2], rings[:, :2]]), faces)
    landmarks, rings = landmarks.copy(), rings.copy()
    landmarks[:468, :2], rings[:, :2] = points[:468], points[468:]
    mobility = np.ones(len(rings), np.float32)
    if hold_surroundings:
        mobility = np.repeat([1.0, 0.9, 0.6, 0.25, 0.0, 0.0], _RING_SIZES).astype(np.float32)
    return PortraitMesh(
        landmarks=landmarks,
        points=points,
        triangles=np.concatenate([faces, hole_triangles()]),
        ring_triangles=len(around),
        depth=rings,
        belongs_to_head=_head_share(landmarks, rings)[:, None],
        mobility=mobility[:, None],
        spread=_spread(landmarks, rings),
    )


def unfold(points: Array, triangles: NDArray[np.intp], keep: NDArray[np.intp] | None = None) -> Array:
    """The same mesh without a triangle that is turned over.

    On a turned face, the far cheek's rim and the far side of the nose lie behind the silhouette, where the picture
    shows hair or cheek. The points there are spread between those around them, so that what comes into view with
    a turning head is stretched from what is seen beside it, and not mirrored. What shows detail stays where it is.

    Args:
        points: `(V, 2)` float32, at most the face's rim folded.
        triangles: `(T, 3)`, clockwise where they face the camera.
        keep: which points stay where they are; None keeps the eyes.
    """
    points, count = points.astype(np.float64), len(points)
    fixed = np.zeros(count, bool)
    if keep is None:
        keep = np.concatenate([part for eye in EYES for part in (eye.outline, eye.crease, eye.surround)])
    fixed[keep] = True
    fixed[468 + _RING_SIZES[0] + _RING_SIZES[1] :] = True
    triangles = triangles[fixed[triangles].sum(axis=1) < 2]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    first, second = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0).T
    degree = np.maximum(np.bincount(first, minlength=count), 1)
    size = np.abs(_areas(points, triangles))
    least = _LEAST_FACING * np.minimum(size, np.median(size))
    free = np.zeros(count, bool)
    for _ in range(_UNFOLD_STEPS):
        folded = _areas(points, triangles) <= least
        if not folded.any():
            break
        free[triangles[folded]] = True
        free &= ~fixed
        mean = np.stack([np.bincount(first, points[second, axis], count) for axis in (0, 1)], axis=1)
        points[free] += 0.7 * (mean / degree[:, None] - points)[free]
    return points.astype(np.float32)


def _areas(points: Array | NDArray[np.float64], triangles: NDArray[np.intp]) -> NDArray[np.float64]:
    """Twice the signed area of each triangle: positive where it is clockwise in the picture."""
    a, b, c = (points[triangles[:, k]].astype(np.float64) for k in range(3))
    ab, ac = b - a, c - a
    return np.asarray(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])


def _face_size(landmarks: Landmarks) -> tuple[float, float]:
    """Width and height of the face in its own plane, pixels."""
    width = face_width(landmarks)
    height = float(np.linalg.norm(landmarks[CHIN] - landmarks[FOREHEAD]))
    return width, height


def _ring_points(landmarks: Landmarks) -> Array:
    """`(R, 3)` points around the face; their depth goes from the outline's to the skull's."""
    outline = landmarks[OVAL].astype(np.float64)
    centre = outline.mean(axis=0)
    rigid = float(landmarks[RIGID, 2].mean())
    skull = rigid + _SKULL_DEPTH * (float(landmarks[[RIGHT_EAR, LEFT_EAR], 2].mean()) - rigid)
    # The outline of a turned face is lopsided: the rings grow from a symmetric ellipse into which it fades.
    width, height = _face_size(landmarks)
    angles = np.arctan2(outline[:, 1] - centre[1], outline[:, 0] - centre[0])
    ellipse = centre[:2] + np.stack([np.cos(angles) * width / 2, np.sin(angles) * height / 2], axis=1)
    rings = []
    for radius, size in zip(_RINGS, _RING_SIZES, strict=True):
        every = len(OVAL) // size
        fade = min(1.0, (radius - 1) / 0.9)
        shape = outline[::every, :2] * (1 - fade) + ellipse[::every] * fade
        z = outline[::every, 2] * (1 - fade) + skull * fade
        rings.append(np.column_stack([centre[:2] + (shape - centre[:2]) * radius, z]))
    return np.concatenate(rings).astype(np.float32)


def _head_share(landmarks: Landmarks, points: Array) -> Array:
    """1 on what follows the skull, falling to 0 below the chin and towards the shoulders."""
    width, height = _face_size(landmarks)
    down = (landmarks[CHIN] - landmarks[FOREHEAD])[:2]
    down = down / np.linalg.norm(down)
    side = np.array([-down[1], down[0]])
    offset = points[:, :2] - landmarks[CHIN, :2]
    below = offset @ down / height
    beside = np.abs(offset @ side) / width
    # Shoulders rise beside the neck; hair hangs beside it too, but near the face.
    below = below + 0.4 * np.maximum(beside - 0.6, 0)
    x = np.clip((below + 0.1) / (_NECK + 0.1), 0, 1)
    return np.asarray(1 - x * x * (3 - 2 * x), np.float32)


def _spread(landmarks: Landmarks, points: Array) -> Array:
    width, _ = _face_size(landmarks)
    distance = np.linalg.norm(points[:, None, :2] - landmarks[None, OVAL, :2], axis=2) / width
    weights = np.exp(-((distance / 0.18) ** 2)) + 1e-6 / (1e-3 + distance**4)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights * np.exp(-distance.min(axis=1, keepdims=True) / _REACH), np.float32)


@cache
def _ring_triangles() -> NDArray[np.intp]:
    """Triangles between the face's outline and the rings, as `(T, 3)` indices into outline then rings."""
    triangles: list[tuple[int, int, int]] = []
    inner_start, inner = 0, len(OVAL)
    start = len(OVAL)
    for size in _RING_SIZES:
        step = inner // size  # 1 between equal rings, 2 where the outer one is half as dense
        for k in range(size):
            here, after = start + k, start + (k + 1) % size
            base = [inner_start + (k * step + s) % inner for s in range(step + 1)]
            triangles += [(base[s + 1], base[s], here) for s in range(step)]
            triangles.append((base[-1], here, after))
        inner_start, inner = start, size
        start += size
    return np.array(triangles, np.intp)
