"""From face landmarks to relative motion, and from relative motion to the avatar's landmarks.

Landmarks are MediaPipe Face Landmarker's 478 points, `(478, 3)` float32 in pixels: x right, y down, z away from
the camera, orthographic. Sides are the person's own: the right eye is the one on the picture's left.

The way (the paper's relative motion, section 3.4 "Testing Stage", carried from keypoints to landmarks):

1. A similarity between the neutral and the current driving landmarks, fitted on points that facial muscles hardly
   move, is the head's motion. What remains after undoing it is the expression, in 3-D.
2. The expression, turned into the source's own head frame and scaled to its size, moves the source's landmarks;
   then the head's motion turns them about the source's rigid centre.
3. Eyelids, irises and inner lips are small and must meet exactly, so they are transferred as what they mean
   (how far open, where to look, do the lips touch) and not as noisy differences of points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm import resources
from fomm.animators.base import Landmarks

Array: TypeAlias = NDArray[np.floating[Any]]

NUM_LANDMARKS = 478

#: Points that expressions hardly move: nose bridge, eye corners, cheek bones, temples. A forehead moves with brows.
RIGID = np.array([1, 4, 5, 6, 8, 33, 133, 362, 263, 168, 195, 197, 234, 454, 127, 356, 93, 323])

#: The face's outline, clockwise in the picture from the top of the forehead.
OVAL = np.concatenate(
    [
        [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377],
        [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109],
    ]
)

FOREHEAD, CHIN, RIGHT_EAR, LEFT_EAR = 10, 152, 234, 454
INNER_LIP_CORNERS = (78, 308)
UPPER_INNER_LIP = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LOWER_INNER_LIP = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
#: The inner lips as one closed outline.
INNER_LIPS = np.concatenate([[78], UPPER_INNER_LIP, [308], LOWER_INNER_LIP[::-1]])


#: Both lips, from the outer outline to the inner one.
LIPS = np.concatenate(
    [
        [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409],
        [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408],
        [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407],
        [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415],
    ]
)


@dataclass(frozen=True)
class EyeTopology:
    """Which landmarks make up one eye; upper and lower lid points pair up from the outer corner to the inner."""

    outer: int
    inner: int
    upper: NDArray[np.intp]
    lower: NDArray[np.intp]
    iris: NDArray[np.intp]  # the centre, then four points on its rim
    crease: NDArray[np.intp]  # the upper lid's fold: with the upper rim, what an eye that shuts unrolls
    surround: NDArray[np.intp]  # the rest of the skin just around the opening

    @property
    def outline(self) -> NDArray[np.intp]:
        """The opening as one closed outline."""
        return np.concatenate([[self.outer], self.upper, [self.inner], self.lower[::-1]])


RIGHT_EYE = EyeTopology(
    outer=33,
    inner=133,
    upper=np.array([246, 161, 160, 159, 158, 157, 173]),
    lower=np.array([7, 163, 144, 145, 153, 154, 155]),
    iris=np.array([468, 469, 470, 471, 472]),
    crease=np.array([247, 30, 29, 27, 28, 56, 190]),
    surround=np.array([25, 110, 24, 23, 22, 26, 112, 130, 243]),
)
LEFT_EYE = EyeTopology(
    outer=263,
    inner=362,
    upper=np.array([466, 388, 387, 386, 385, 384, 398]),
    lower=np.array([249, 390, 373, 374, 380, 381, 382]),
    iris=np.array([473, 474, 475, 476, 477]),
    crease=np.array([467, 260, 259, 257, 258, 286, 414]),
    surround=np.array([255, 339, 254, 253, 252, 256, 341, 359, 463]),
)
EYES = (RIGHT_EYE, LEFT_EYE)

#: How far a portrait can turn before a single picture gives out, in degrees.
MAX_YAW, MAX_PITCH, MAX_ROLL = 30.0, 25.0, 25.0
MIN_SCALE, MAX_SCALE = 0.8, 1.25
#: How far the head may travel, in face widths.
MAX_TRAVEL = 0.6
#: The chin stays above this share of the picture's height, or above where it was if that is lower.
_FLOOR = 0.985

#: An eye whose lids are this close, against the neutral pose, is shut: MediaPipe never lets its lids quite meet.
#: On clips with blinks, shut eyes measured 0.11 to 0.28 of the neutral opening.
SHUT = 0.28
#: From this share of the neutral opening upwards the opening is taken as it is measured.
LIDS_LINEAR = 0.75
MAX_EYE_OPENING = 1.5
#: How far the fold of an upper lid follows it down: MediaPipe's own points there hardly do.
_CREASE_FOLLOWS = 0.4


#: How much of the driver's own lip shape a wide open mouth takes, and how wide that is, in face widths.
_LIPS_FROM_DRIVER, _LIPS_WIDE_OPEN = 1.0, 0.06


_MAX_MOUTH_FIT = 1.35


def similarity(a: Array, b: Array) -> tuple[float, Array, Array, Array]:
    """Least-squares similarity between two point sets (Umeyama, 1991): `b - cb ≈ scale * (a - ca) @ rotation.T`.

    Args:
        a, b: `(N, 3)` points that correspond.

    Returns:
        scale, rotation `(3, 3)`, and the centroids `ca`, `cb` `(3,)`.
    """
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    ca, cb = a64.mean(axis=0), b64.mean(axis=0)
    x, y = a64 - ca, b64 - cb
    u, s, vt = np.linalg.svd(x.T @ y)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = (vt.T * flip) @ u.T
    scale = float((s * flip).sum() / max(float((x**2).sum()), 1e-12))
    as_float = np.float32
    return scale, rotation.astype(as_float), ca.astype(as_float), cb.astype(as_float)


def euler_angles(rotation: Array) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of a head rotation, `rotation = Rz(roll) @ Ry(yaw) @ Rx(pitch)`."""
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0))
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def rotation_matrix(yaw: float, pitch: float, roll: float) -> Array:
    """The inverse of `euler_angles`."""
    y, p, r = np.radians([yaw, pitch, roll])
    cy, sy, cp, sp, cr, sr = np.cos(y), np.sin(y), np.cos(p), np.sin(p), np.cos(r), np.sin(r)
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rx = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    rz = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(rz @ ry @ rx, np.float32)


def soft_limit(value: float, limit: float) -> float:
    """`value` up to 70 % of `limit`, then ever more slowly towards it: monotone, smooth, never beyond."""
    knee = 0.7 * limit
    if abs(value) <= knee:
        return value
    rest = limit - knee
    return float(np.sign(value) * (knee + rest * np.tanh((abs(value) - knee) / rest)))


def pose_between(start: Landmarks, end: Landmarks, share: float) -> Landmarks:
    """A face on its way from one pose to another: the head turns, grows and travels, its features move along.

    Args:
        start, end: `(478, 3)` landmarks of the same person in pixels.
        share: 0 gives `start`, 1 gives `end`.

    Returns:
        `(478, 3)` float32.
    """
    if share <= 0 or share >= 1:
        return start if share <= 0 else end
    scale, rotation, c0, c1 = similarity(start[RIGID], end[RIGID])
    expression = (end - c1) @ rotation / scale + c0 - start
    turn = cv2.Rodrigues(cv2.Rodrigues(rotation)[0] * share)[0]
    face = start - c0 + np.float32(share) * expression
    moved = face @ turn.T * scale**share + (c0 + np.float32(share) * (c1 - c0))
    return np.asarray(moved, np.float32)


@dataclass(frozen=True, eq=False)
class RelativeMotion:
    """What the driver's face did between the neutral pose and now.

    Attributes:
        yaw, pitch, roll: the head's turn in degrees (`euler_angles`).
        scale: how much larger the head appears.
        travel: `(2,)` movement of the head's rigid centre, in driving pixels.
        expression: `(478, 3)` what the landmarks did besides, in the neutral pose's frame, driving pixels.
        eye_opening: right and left eye's opening against the neutral pose: 0 shut, 1 as in the neutral pose.
        gaze: `(2, 2)` movement of the right and left iris, in eye widths: along the eye towards the person's
            left, and downwards.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    travel: Array
    expression: Array
    eye_opening: tuple[float, float]
    gaze: Array


def relative_motion(neutral: Landmarks, current: Landmarks) -> RelativeMotion:
    """The motion from `neutral` to `current`, both `(478, 3)` landmarks of the same driver in pixels."""
    scale, rotation, c0, c1 = similarity(neutral[RIGID], current[RIGID])
    upright = ((current - c1) @ rotation / scale + c0).astype(
        np.float32
    )  # the current face with the head's motion undone
    openings, gazes = [], []
    for eye in EYES:
        before, now = lid_gap(neutral, eye), lid_gap(upright, eye)
        openings.append(_opening(now / max(before, 1e-6)))
        gazes.append(iris_position(upright, eye) - iris_position(neutral, eye))
    yaw, pitch, roll = euler_angles(rotation)
    return RelativeMotion(
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        scale=scale,
        travel=(c1 - c0)[:2],
        expression=upright - neutral,
        eye_opening=(openings[0], openings[1]),
        gaze=np.array(gazes, np.float32),
    )


def _opening(ratio: float) -> float:
    """Lid distance against neutral → opening: shut below `SHUT`, as measured from `LIDS_LINEAR` upwards."""
    x = float(np.clip((ratio - SHUT) / (LIDS_LINEAR - SHUT), 0.0, 1.0))
    return min(ratio * x * x * (3 - 2 * x), MAX_EYE_OPENING)


def face_width(landmarks: Landmarks) -> float:
    """From ear to ear in pixels, however the head is turned; at least a millionth."""
    return max(float(np.linalg.norm(landmarks[LEFT_EAR] - landmarks[RIGHT_EAR])), 1e-6)


def lid_gap(landmarks: Landmarks, eye: EyeTopology) -> float:
    """Mean distance of the lids over the middle of the eye, in eye widths."""
    gap = np.linalg.norm(landmarks[eye.upper[1:-1]] - landmarks[eye.lower[1:-1]], axis=1).mean()
    return float(gap / np.linalg.norm(landmarks[eye.outer] - landmarks[eye.inner]))


def eye_axes(landmarks: Landmarks, eye: EyeTopology) -> tuple[Array, Array, float]:
    """The eye's own frame in the picture: centre `(2,)`, axes `(2, 2)` and width in pixels.

    The first axis runs along the corners towards the person's left (the picture's right), the second downwards.
    """
    outer, inner = landmarks[eye.outer, :2], landmarks[eye.inner, :2]
    start, end = (outer, inner) if eye is RIGHT_EYE else (inner, outer)
    along = end - start
    width = max(float(np.hypot(along[0], along[1])), 1e-3)
    along = along / width
    axes = np.array([along, [-along[1], along[0]]], np.float32)
    return ((start + end) / 2).astype(np.float32), axes, width


def iris_position(landmarks: Landmarks, eye: EyeTopology) -> Array:
    """Where the iris is, `(2,)` in eye widths from the eye's middle, along `eye_axes`."""
    centre, axes, width = eye_axes(landmarks, eye)
    return np.asarray((landmarks[eye.iris, :2].mean(axis=0) - centre) @ axes.T / width, np.float32)


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """The head's motion as it is applied to the avatar: `centre + travel + scale * (p - centre) @ rotation.T`.

    Attributes:
        rotation: `(3, 3)`, clamped to what a portrait can show.
        scale: clamped to [0.8, 1.25].
        centre: `(3,)` the source's rigid centre, source pixels.
        travel: `(3,)` source pixels, z 0.
    """

    rotation: Array
    scale: float
    centre: Array
    travel: Array

    def apply(self, points: Array) -> Array:
        """Move `(N, 3)` points fixed to the skull."""
        moved = (points - self.centre) @ self.rotation.T * np.float32(self.scale) + (
            self.centre + self.travel
        )
        return np.asarray(moved, np.float32)


@dataclass(frozen=True, eq=False)
class AvatarMotion:
    """Where the avatar's landmarks go.

    Attributes:
        landmarks: `(478, 3)` target landmarks in source pixels.
        rigid: `(478, 3)` where the head's motion alone would have put them.
        head: the head's motion.
        gaze: `(2, 2)` as in `RelativeMotion`, limited to what the eyes can show.
        torso: `(2,)` how far the torso goes, in source pixels, where that is known; None leaves it to the head's
            motion.
    """

    landmarks: Landmarks
    rigid: Landmarks
    head: HeadMotion
    gaze: Array
    torso: Array | None = None


@cache
def face_triangles() -> NDArray[np.intp]:
    """`(852, 3)` MediaPipe's face tesselation, clockwise in a frontal picture; eyes and mouth are holes."""
    return np.asarray(np.load(resources.MODELS / "face_triangles.npy"), np.intp)


@cache
def _near_lips() -> Array:
    """`(478, 1)` 1 on the lips, fading over the skin around them."""
    share = np.zeros(NUM_LANDMARKS, np.float32)
    share[LIPS] = 1
    for _ in range(2):
        spread = share.copy()
        for triangle in face_triangles():
            spread[triangle] = np.maximum(spread[triangle], share[triangle].max() * 0.5)
        share = np.maximum(share, spread)
    return share[:, None]


class MotionTransfer:
    """Moves one source's landmarks by drivers' relative motion.

    Args:
        source: `(478, 3)` landmarks of the source picture, in its pixels.
        height: the picture's height: a chin that would leave through its bottom lifts the head instead.
    """

    def __init__(self, source: Landmarks, height: float = float("inf")) -> None:
        self.source = source
        self._floor = max(height * _FLOOR, float(source[CHIN, 1]))
        self._centre = source[RIGID].mean(axis=0)
        self._lower_face = _lower_face(source)
        self._width = float(np.linalg.norm(source[RIGHT_EAR] - source[LEFT_EAR]))

    def __call__(self, motion: RelativeMotion, neutral: Landmarks, strength: float = 1.0) -> AvatarMotion:
        """Target landmarks for a motion measured against `neutral`, at `strength` in [0, 1]."""
        source = self.source
        size, turn, _, _ = similarity(neutral[RIGID], source[RIGID])
        expression = motion.expression @ turn.T * np.float32(size * strength)
        mouth_fit = self._mouth_fit(neutral, size)
        expression *= 1 + (mouth_fit - 1) * self._lower_face
        shaped = source + expression
        shaped += self._lip_shape(neutral, expression, turn, size * mouth_fit)
        for eye, opening, gaze in zip(EYES, motion.eye_opening, motion.gaze, strict=True):
            self._place_lids(shaped, expression, neutral, eye, 1 + (opening - 1) * strength, size)
            self._place_iris(shaped, eye, gaze * strength)
        _part_lips(shaped, source)
        head = self._head(motion, size, strength)
        below = float(head.apply(shaped[CHIN][None])[0, 1]) - self._floor
        if below > 0:
            head = replace(head, travel=head.travel - np.array([0, below, 0], np.float32))
        return AvatarMotion(
            landmarks=head.apply(shaped),
            rigid=head.apply(source),
            head=head,
            gaze=np.asarray(motion.gaze * strength, np.float32),
        )

    def _mouth_fit(self, neutral: Landmarks, size: float) -> float:
        """How much larger the portrait's mouth is than the driver's, faces being equal: a small mouth's wide open
        is a large one's half open."""
        ours, theirs = (np.linalg.norm(face[61] - face[291]) for face in (self.source, neutral))
        return float(np.clip(ours / max(float(theirs) * size, 1e-6), 0.85, _MAX_MOUTH_FIT))

    def _lip_shape(self, neutral: Landmarks, expression: Array, turn: Array, size: float) -> Array:
        """Towards the driver's own lip shape, the further the mouth opens.

        Relative motion keeps the portrait's resting mouth in every expression: a smiling portrait would grin where
        the driver says "oh". At rest the lips are the portrait's; wide open they are largely the driver's.
        """
        opened = (expression[LOWER_INNER_LIP] - expression[UPPER_INNER_LIP])[:, 1].mean() / self._width
        share = _LIPS_FROM_DRIVER * np.clip(opened / _LIPS_WIDE_OPEN, 0, 1)
        theirs = (neutral - neutral[LIPS].mean(axis=0)) @ turn.T * np.float32(size)
        ours = self.source - self.source[LIPS].mean(axis=0)
        return np.asarray((theirs - ours) * _near_lips() * np.float32(share), np.float32)

    def _head(self, motion: RelativeMotion, size: float, strength: float) -> HeadMotion:
        rotation = rotation_matrix(
            soft_limit(motion.yaw * strength, MAX_YAW),
            soft_limit(motion.pitch * strength, MAX_PITCH),
            soft_limit(motion.roll * strength, MAX_ROLL),
        )
        scale = float(np.clip(np.exp(np.log(max(motion.scale, 1e-3)) * strength), MIN_SCALE, MAX_SCALE))
        travel = motion.travel * np.float32(size * strength)
        length = float(np.hypot(travel[0], travel[1]))
        if length > 0:
            travel = travel * np.float32(soft_limit(length, MAX_TRAVEL * self._width) / length)
        return HeadMotion(rotation, scale, self._centre, np.array([travel[0], travel[1], 0], np.float32))

    def _place_lids(
        self,
        shaped: Array,
        expression: Array,
        neutral: Landmarks,
        eye: EyeTopology,
        opening: float,
        size: float,
    ) -> None:
        """Lids from the opening: the lower lid with the expression, the upper one at its share of the distance."""
        source = self.source
        lids = source[eye.lower] - source[eye.upper]
        fit = np.linalg.norm(lids, axis=1).sum()
        fit /= max(float(np.linalg.norm(neutral[eye.lower] - neutral[eye.upper], axis=1).sum()) * size, 1e-6)
        # A narrow-eyed portrait's skin around the eye moves as much less as its eye opens less wide.
        fit = float(np.clip(fit, 0.4, 1.5))
        around = np.concatenate([eye.crease, eye.surround, eye.lower])
        shaped[around] = source[around] + expression[around] * np.float32(fit)
        shaped[eye.upper] = shaped[eye.lower] - lids * np.float32(opening)
        shaped[eye.crease] += lids * np.float32(_CREASE_FOLLOWS * max(0.0, 1 - opening))

    def _place_iris(self, shaped: Array, eye: EyeTopology, gaze: Array) -> None:
        _, axes, width = eye_axes(self.source, eye)
        shaped[eye.iris] = self.source[eye.iris] + shaped[[eye.outer, eye.inner]].mean(axis=0)
        shaped[eye.iris] -= self.source[[eye.outer, eye.inner]].mean(axis=0)
        shaped[eye.iris, :2] += gaze @ axes * width


def _lower_face(landmarks: Landmarks) -> Array:
    """`(478, 1)` 0 above the nose's base, 1 from the lips downwards."""
    down = landmarks[CHIN] - landmarks[FOREHEAD]
    nose, lips = landmarks[2] @ down, landmarks[0] @ down
    share: Array = np.clip((landmarks @ down - nose) / max(float(lips - nose), 1e-6), 0, 1)
    return share[:, None]


def _part_lips(shaped: Array, source: Landmarks) -> None:
    """Lips may touch but not pass through each other: where they would, they meet half-way."""
    down = (source[CHIN] - source[FOREHEAD]) * np.array([1, 1, 0], np.float32)
    down /= np.linalg.norm(down)
    gap = (shaped[LOWER_INNER_LIP] - shaped[UPPER_INNER_LIP]) @ down
    least = np.minimum((source[LOWER_INNER_LIP] - source[UPPER_INNER_LIP]) @ down, 0.0)
    push = np.maximum(least - gap, 0.0)[:, None] / 2 * down
    shaped[UPPER_INNER_LIP] -= push
    shaped[LOWER_INNER_LIP] += push
