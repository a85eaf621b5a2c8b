"""One person's face in any pose: a real one, turned, opened and shut by hand."""

from __future__ import annotations

from functools import cache

import numpy as np

from fomm import resources
from fomm.animators.base import DrivingFrame, Landmarks
from fomm.faces import source_face
from fomm.images import load_image
from fomm.landmarks import EYES, LOWER_INNER_LIP, face_width, rotation_matrix
from live.pose import head_turn

#: `(width, height)` of the frames.
SIZE = (640, 480)
_WIDTH = 200.0
_LOWER_FACE = [*LOWER_INNER_LIP, 17, 152, 175, 199, 200]


@cache
def _portrait() -> Landmarks:
    landmarks, _ = source_face(load_image(resources.AVATARS / "amara.jpg"))
    centred = landmarks - landmarks.mean(axis=0)
    yaw, pitch, roll = head_turn(landmarks)
    frontal = centred @ rotation_matrix(yaw, pitch, roll)
    return (frontal * _WIDTH / face_width(landmarks)).astype(np.float32)


def face(
    *,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    scale: float = 1.0,
    at: tuple[float, float] = (320, 240),
    mouth: float = 0.0,
    eyes: float = 1.0,
) -> Landmarks:
    """`(478, 3)` landmarks: turned by degrees, `mouth` opened by face widths, `eyes` open to that share."""
    shaped = _portrait().copy()
    shaped[_LOWER_FACE, 1] += mouth * _WIDTH
    for eye in EYES:
        shaped[eye.upper] = shaped[eye.lower] + eyes * (shaped[eye.upper] - shaped[eye.lower])
    turned = shaped @ rotation_matrix(yaw, pitch, roll).T * scale
    return np.asarray(turned + np.array([*at, 0]), np.float32)


def driving(landmarks: Landmarks | None, size: tuple[int, int] = SIZE) -> DrivingFrame:
    """A frame without a picture."""
    return DrivingFrame(np.broadcast_to(np.uint8(0), (size[1], size[0], 3)), landmarks)
