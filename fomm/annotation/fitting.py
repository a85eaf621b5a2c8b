"""The 478 landmarks of a face of which only a few points are known.

1. A similarity takes a mean face, symmetric and at rest, to the points that were placed. Where the nose is beside the
   middle, the mean face is turned that way first.
2. What is left between it and the points is carried over the face by a thin-plate spline (Bookstein, 1989). A point
   that was not placed, but whose counterpart on the other side was, mirrors it.
3. Lids and lips are shaped apart from that, from their own points, so that they can shut and open: upper above lower,
   corner to corner, whatever was clicked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm import resources
from fomm.animators.base import Landmarks
from fomm.animators.landmark_warp.mesh import unfold
from fomm.annotation.points import BY_NAME, KEY_POINTS, POINTS, FacePoint, Points
from fomm.errors import ConfigError
from fomm.landmarks import EYES, LIPS, EyeTopology, eye_axes, face_triangles, rotation_matrix

Array: TypeAlias = NDArray[np.floating[Any]]

#: Placed points must span at least this many pixels.
_LEAST_SIZE = 20.0
#: A nose this far beside the middle, in degrees of turning, is taken for carelessness, and for a turned head beyond.
_FRONTAL, _MOST_TURNED = 4.0, 35.0
#: The nose's tip before the plane of eyes and mouth, in face widths of the mean face.
_NOSE_REACH = 0.25
#: An eye is at least this high, against its width: less could neither shut nor open.
_LEAST_EYE = 0.12
#: An eye up to the first height, against its width, is an almond; from the second on, an ellipse.
_ALMOND, _ELLIPSE = 0.40, 0.80
#: A round eye's lids are drawn this much wider: their landmarks' polygon then holds the whole eye.
_AROUND = 1.02
#: A triangle turned over by less than this, against the others, is a sliver, and folds nothing.
_SLIVER = 0.05
#: Each lip is at least this thick, against the mouth's width.
_LEAST_LIP = 0.06
#: The iris's radius: this share of the eye's height or of its width, whichever is less.
_IRIS_HEIGHT, _IRIS_WIDTH = 0.55, 0.24

#: What lids and lips are made of: where the rest of the face would fold beside them, the rest gives way.
_OPENINGS = np.concatenate([*(eye.outline for eye in EYES), LIPS])

#: What is shaped by its own points, not by the spline.
_PUPILS = ("right_pupil", "left_pupil")
_LIP_LINE = ("lip_upper", "lip_lower")


@dataclass(frozen=True, eq=False)
class FittedFace:
    """A face fitted to points.

    Attributes:
        landmarks: `(478, 3)` float32 in pixels.
        points: every named point: those that were placed, where they were placed, and the others where the fit puts
            them.
        folded: `(F,)` which of `face_triangles` are turned over: the points contradict each other there.
    """

    landmarks: Landmarks
    points: dict[str, tuple[float, float]]
    folded: NDArray[np.intp]


@cache
def face_template() -> Landmarks:
    """`(478, 3)` a mean face: frontal, symmetric, mouth shut, eyes open; one face width wide, in the conventions of
    `Landmarks`."""
    return np.asarray(np.load(resources.MODELS / "face_template.npy"), np.float32)


def points_of(landmarks: Landmarks) -> dict[str, tuple[float, float]]:
    """Where the named points are in a face whose `(478, 3)` landmarks are known."""
    return {point.name: _pair(_middle(landmarks, point)) for point in POINTS}


def fit_face(points: Points) -> FittedFace:
    """Fit the landmarks to points in pixels.

    Args:
        points: all of `KEY_POINTS`, and any others.

    Raises:
        ConfigError: a point is unknown, missing or no number, or the face would be inside out.
    """
    check_points(points)
    placed = {name: np.array(place, np.float64) for name, place in points.items()}
    base = _posed(placed)
    shaped = base.astype(np.float64)
    shaped[:, :2] = _warp(base, placed)
    for eye, side in zip(EYES, ("right", "left"), strict=True):
        _shape_eye(shaped, eye, side, placed)
    _shape_lips(shaped, placed)
    shaped[:468, :2] = unfold(shaped[:468, :2], face_triangles(), _OPENINGS)
    landmarks = shaped.astype(np.float32)
    known = {**points_of(landmarks), **{name: _pair(place) for name, place in placed.items()}}
    areas = _areas(landmarks)
    return FittedFace(landmarks, known, np.flatnonzero(areas < -_SLIVER * np.median(np.abs(areas))))


def check_points(points: Points) -> None:
    """Whether a face can be fitted to points.

    Raises:
        ConfigError: as `fit_face`.
    """
    for name, place in points.items():
        if name not in BY_NAME:
            raise ConfigError(f'"{name}" is no point of a face; there is {", ".join(BY_NAME)}')
        if len(place) != 2 or not all(math.isfinite(number) for number in place):
            raise ConfigError(f"{name} is no place in a picture; give x and y in pixels")
    missing = [point.name for point in KEY_POINTS if point.name not in points]
    if missing:
        raise ConfigError(
            f"not placed yet: {', '.join(missing)}; the other points can be guessed, these cannot"
        )
    key = np.array([points[point.name] for point in KEY_POINTS], np.float64)
    right, left = key[:2].mean(axis=0), key[2:4].mean(axis=0)
    across, down = left - right, key[7] - (right + left) / 2
    if float(np.ptp(key, axis=0).max()) < _LEAST_SIZE or float(np.hypot(*across)) < _LEAST_SIZE / 4:
        raise ConfigError("the points of the face are almost in one place; place them farther apart")
    if across[0] * down[1] - across[1] * down[0] <= 0:
        raise ConfigError(
            "the face would be inside out: right_ points belong to the eye on the picture's left, and the chin below"
        )


def _pair(place: Array) -> tuple[float, float]:
    return float(place[0]), float(place[1])


def _middle(landmarks: Array, point: FacePoint) -> Array:
    return np.asarray(landmarks[list(point.landmarks), :2].mean(axis=0), np.float64)


def _posed(placed: Mapping[str, Array]) -> Array:
    """The mean face where the key points are, turned as the nose says: `(478, 3)` pixels."""
    template = face_template().astype(np.float64)
    goal = np.array([placed[point.name] for point in KEY_POINTS])

    def fitted(face: Array) -> tuple[Array, Array, Array]:
        """Axes `(2, 2)` scaled to pixels, and where the middle of the key points is in the face and the picture."""
        start = np.array([_middle(face, point) for point in KEY_POINTS])
        middle, there = start.mean(axis=0), goal.mean(axis=0)
        x, y = start - middle, goal - there
        along, turned = float((x * y).sum()), float((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]).sum())
        square = float((x**2).sum())
        a, b = along / square, turned / square
        return np.array([[a, b], [-b, a]]), middle, there

    axes, middle, there = fitted(template)
    back = np.linalg.inv(axes)
    eyes, mouth, nose = (
        (np.mean([placed[name] for name in names], axis=0) - there) @ back
        for names in (
            [point.name for point in KEY_POINTS[:4]],
            ["mouth_right", "mouth_left"],
            ["nose_tip"],
        )
    )
    share = np.clip((nose[1] - eyes[1]) / max(float(mouth[1] - eyes[1]), 1e-6), 0, 1)
    beside = float(nose[0] - (eyes[0] + share * (mouth[0] - eyes[0])))
    turn = math.degrees(math.asin(float(np.clip(beside / _NOSE_REACH, -0.9, 0.9))))
    turn = math.copysign(min(max(abs(turn) - _FRONTAL, 0.0), _MOST_TURNED), turn)
    face = template @ rotation_matrix(-turn, 0, 0).T.astype(np.float64)
    axes, middle, there = fitted(face)
    scale = math.sqrt(abs(float(np.linalg.det(axes))))
    return np.column_stack([(face[:, :2] - middle) @ axes + there, face[:, 2] * scale])


def _warp(base: Array, placed: Mapping[str, Array]) -> Array:
    """`(478, 2)` the base moved so that it meets the placed points."""
    down = _middle(base, BY_NAME["chin"]) - _middle(base, BY_NAME["forehead"])
    down /= np.hypot(*down)
    across = np.array([down[1], -down[0]])
    key = [point for point in KEY_POINTS if point.name in placed]
    first = _Spline(
        np.array([_middle(base, point) for point in key]),
        np.array([placed[point.name] - _middle(base, point) for point in key]),
    )
    where, moved = list(first.where), list(first.moved)
    goals = dict(placed)
    line = [placed[name] for name in _LIP_LINE if name in placed]
    for point in POINTS:
        if point.key or point.name in (*_PUPILS, *_LIP_LINE):
            continue
        start = _middle(base, point)
        guess = first(start[None])[0]
        if point.name in goals:
            move = goals[point.name] - start
        elif point.twin in goals:
            other = _middle(base, BY_NAME[point.twin])
            more = goals[point.twin] - other - first(other[None])[0]
            move = guess + (more @ down) * down - (more @ across) * across
        else:
            continue
        where.append(start)
        moved.append(move)
    if line:
        start = (_middle(base, BY_NAME["lip_upper"]) + _middle(base, BY_NAME["lip_lower"])) / 2
        where.append(start)
        moved.append(np.mean(line, axis=0) - start)
    spline = _Spline(np.array(where), np.array(moved)) if len(where) > len(key) else first
    return np.asarray(base[:, :2] + spline(base[:, :2]))


class _Spline:
    """A thin-plate spline of 2-D displacements: the smoothest field through those that are given.

    Args:
        where: `(N, 2)` distinct places, not all on one line.
        moved: `(N, 2)` the displacement at each.
    """

    def __init__(self, where: Array, moved: Array) -> None:
        self.where, self.moved = where, moved
        count = len(where)
        self._unit = float(np.ptp(where, axis=0).max())
        self._origin = where.mean(axis=0)
        local = (where - self._origin) / self._unit
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(local, local)
        system[:count, count:] = np.column_stack([np.ones(count), local])
        system[count:, :count] = system[:count, count:].T
        self._local = local
        self._weights = np.linalg.lstsq(system, np.concatenate([moved, np.zeros((3, 2))]), rcond=None)[0]

    def __call__(self, places: Array) -> Array:
        """Displacements `(M, 2)` at `(M, 2)` places."""
        local = (places - self._origin) / self._unit
        terms = np.column_stack([_kernel(local, self._local), np.ones(len(local)), local])
        return np.asarray(terms @ self._weights)


def _kernel(a: Array, b: Array) -> Array:
    """r² log r of all pairs' distances, `(len(a), len(b))`."""
    square = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.asarray(0.5 * square * np.log(np.maximum(square, 1e-20)))


def _shape_eye(shaped: Array, eye: EyeTopology, side: str, placed: Mapping[str, Array]) -> None:
    """Lids, the skin that follows them, and the iris, in place."""
    centre, axes, width = (np.asarray(part, np.float64) for part in eye_axes(shaped, eye))

    def local(points: Array) -> Array:
        return np.asarray((points[..., :2] - centre) @ axes.T / width)

    template = face_template()
    t_centre, t_axes, t_width = eye_axes(template, eye)

    def at_rest(points: NDArray[np.intp]) -> Array:
        return np.asarray((template[points, :2] - t_centre) @ t_axes.T / t_width, np.float64)

    middle = len(eye.upper) // 2
    top, bottom = float(local(shaped[eye.upper[middle]])[1]), float(local(shaped[eye.lower[middle - 1]])[1])
    top, bottom = min(top, bottom), max(top, bottom)
    lacking = max(0.0, _LEAST_EYE - (bottom - top)) / 2
    top, bottom = top - lacking, bottom + lacking
    round_eye = float(np.clip((bottom - top - _ALMOND) / (_ELLIPSE - _ALMOND), 0, 1))
    moved = {}
    for lid, edge, peak in ((eye.upper, top, middle), (eye.lower, bottom, middle - 1)):
        rest = at_rest(lid)
        ellipse = np.sqrt(np.maximum(1 - (2 * rest[:, 0]) ** 2, 0.02))
        almond = rest[:, 1] / rest[peak, 1]
        profile = almond + (_AROUND * ellipse / ellipse[peak] - almond) * round_eye
        goal = centre + (np.column_stack([rest[:, 0], edge * profile]) @ axes) * width
        moved[int(lid[0])] = goal - shaped[lid, :2]
        shaped[lid, :2] = goal
    shaped[eye.crease, :2] += moved[int(eye.upper[0])]
    shaped[eye.surround[: len(eye.lower)], :2] += moved[int(eye.lower[0])]

    pupil = placed.get(f"{side}_pupil")
    where = local(pupil) if pupil is not None else np.array([0.0, (top + bottom) / 2])
    radius = min(_IRIS_HEIGHT * (bottom - top), _IRIS_WIDTH)
    rim = at_rest(eye.iris[1:]) - at_rest(eye.iris[:1])
    rim = rim / np.linalg.norm(rim, axis=1, keepdims=True) * radius
    shaped[eye.iris, :2] = centre + (where + np.concatenate([np.zeros((1, 2)), rim])) @ axes * width


def _shape_lips(shaped: Array, placed: Mapping[str, Array]) -> None:
    """Four rings from the lips' outer outline to where they meet, in place."""
    rings = LIPS.reshape(4, 20)
    right, left = shaped[rings[3, 0], :2], shaped[rings[3, 10], :2]
    width = max(float(np.hypot(*(left - right))), 1e-6)
    along = (left - right) / width
    down = np.array([-along[1], along[0]])
    lower, upper = rings[:, 1:10], rings[:, 11:20][:, ::-1]

    def depth(points: Array) -> Array:
        return np.asarray((points[..., :2] - right) @ down)

    u = (shaped[upper[3], :2] - right) @ along / width - 0.5
    bow = np.clip(1 - (2 * u) ** 2, 0, 1)
    line = (depth(shaped[upper[3]]) + depth(shaped[lower[3]])) / 2
    half = [0.0, 0.0]
    if all(name in placed for name in _LIP_LINE):
        gap = max(0.0, float(depth(placed["lip_lower"]) - depth(placed["lip_upper"])))
        half = [gap / 2, gap / 2]
    least = _LEAST_LIP * width * np.maximum(bow, 0.15)
    for rows, sign, opened in ((upper, -1.0, half[0]), (lower, 1.0, half[1])):
        inner = line + sign * opened * bow
        outer = depth(shaped[rows[0]])
        outer = sign * np.maximum(sign * outer, sign * inner + least)
        start, end = depth(shaped[rows[0]]), depth(shaped[rows[3]])
        span = np.where(np.abs(end - start) < 1e-6, 1e-6, end - start)
        for row in rows:
            here = depth(shaped[row])
            share = np.clip((here - start) / span, 0, 1)
            shaped[row, :2] += ((outer + (inner - outer) * share) - here)[:, None] * down


def _areas(landmarks: Landmarks) -> Array:
    a, b, c = (landmarks[face_triangles()[:, k], :2].astype(np.float64) for k in range(3))
    ab, ac = b - a, c - a
    return np.asarray(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
