"""What a single face shows: where it looks, how far mouth and eyes are open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.animators.base import Landmarks
from fomm.landmarks import (
    CHIN,
    EYES,
    FOREHEAD,
    LIPS,
    LOWER_INNER_LIP,
    RIGID,
    UPPER_INNER_LIP,
    euler_angles,
    face_width,
    iris_position,
    lid_gap,
    similarity,
)

#: Points that mirror each other, the person's right one first.
_RIGHT = np.array([33, 133, 234, 127, 93, 61, 132, 58])
_LEFT = np.array([263, 362, 454, 356, 323, 291, 361, 288])
_BROWS = np.array([70, 63, 105, 66, 107, 336, 296, 334, 293, 300])
_EXPRESSIVE = np.concatenate([LIPS.ravel(), _BROWS])
#: From forehead to chin a face that looks straight ahead leans by this many degrees.
_FRONTAL_PITCH = 9.0


@dataclass(frozen=True)
class Pose:
    """What one face shows, in units that do not depend on its size.

    Attributes:
        yaw, pitch, roll: the head's turn in degrees, all 0 for a face that looks straight into the camera.
        mouth: how far the lips are apart, in face widths.
        eyes: how far the lids of the less open eye are apart, in eye widths.
        aside: how far the irises are off the eyes' middle, sideways, in eye widths.
        unlike: how far lips and brows are from the avatar's once the heads are laid over each other, in face
            widths (RMS); 0 where there is no avatar to compare with.
    """

    yaw: float
    pitch: float
    roll: float
    mouth: float
    eyes: float
    aside: float
    unlike: float = 0.0


def measure(landmarks: Landmarks, avatar: Landmarks | None = None) -> Pose:
    """The pose of a face.

    Args:
        landmarks: `(478, 3)` in pixels.
        avatar: `(478, 3)` of the avatar, in its own pixels; None where nothing is known of it.
    """
    yaw, pitch, roll = head_turn(landmarks)
    gap = landmarks[LOWER_INNER_LIP] - landmarks[UPPER_INNER_LIP]
    return Pose(
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        mouth=float(np.linalg.norm(gap, axis=1).mean()) / face_width(landmarks),
        eyes=min(lid_gap(landmarks, eye) for eye in EYES),
        aside=abs(sum(float(iris_position(landmarks, eye)[0]) for eye in EYES)) / 2,
        unlike=0.0 if avatar is None else _unlike(landmarks, avatar),
    )


def head_turn(landmarks: Landmarks) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees (`fomm.landmarks.euler_angles`), 0 for a face that looks straight ahead."""
    across = (landmarks[_LEFT] - landmarks[_RIGHT]).sum(axis=0)
    across = across / max(float(np.linalg.norm(across)), 1e-6)
    down = landmarks[CHIN] - landmarks[FOREHEAD]
    down = down - across * (down @ across)
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    yaw, pitch, roll = euler_angles(np.stack([across, down, np.cross(across, down)], axis=1))
    return yaw, pitch - _FRONTAL_PITCH, roll


def shape_difference(face: Landmarks, other: Landmarks) -> float:
    """How much the stiff parts of two faces differ once they are laid over each other, in face widths (RMS).

    The same person measures up to 0.015 from frame to frame, most pairs of people more than that; a few do not.
    """
    scale, rotation, c0, c1 = similarity(face[RIGID], other[RIGID])
    laid = (face[RIGID] - c0) @ rotation.T * np.float32(scale) + c1
    return float(np.sqrt(np.square(laid - other[RIGID]).sum(axis=1).mean())) / face_width(other)


def _unlike(landmarks: Landmarks, avatar: Landmarks) -> float:
    scale, rotation, c0, c1 = similarity(landmarks[RIGID], avatar[RIGID])
    laid = (landmarks[_EXPRESSIVE] - c0) @ rotation.T * np.float32(scale) + c1
    off = (laid - avatar[_EXPRESSIVE])[:, :2]
    return float(np.sqrt(np.square(off).sum(axis=1).mean())) / face_width(avatar)
