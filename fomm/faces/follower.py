"""Staying with one face among several."""

from __future__ import annotations

from typing import Any

import numpy as np

from fomm.animators.base import Landmarks


def face_box(landmarks: Landmarks) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a face's landmarks, in pixels."""
    left, top = landmarks[:, :2].min(axis=0)
    right, bottom = landmarks[:, :2].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


class FaceFollower:
    """Chooses one face among those found, and stays with it: several faces never swap mid-session.

    The first choice is the largest box; after that, the face nearest to the last one, as long as it is within
    one face width of it. Where none is near, the driver has left the picture: nothing is returned until
    `reset` or until a face comes back near the last place; after `patience` frames the largest face is taken
    afresh.
    """

    def __init__(self, *, patience: int = 60) -> None:
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Forget the face followed so far."""
        self._last: Landmarks | None = None
        self._missed = 0

    def choose(self, faces: list[Landmarks]) -> Landmarks | None:
        """The driver's face among `faces`, or None."""
        if self._last is None:
            best = max(faces, key=_box_area, default=None)
        else:
            centre, width = face_centre(self._last), box_width(self._last)
            near = [face for face in faces if np.linalg.norm(face_centre(face) - centre) <= width]
            best = min(near, key=lambda face: float(np.linalg.norm(face_centre(face) - centre)), default=None)
        if best is None:
            self._missed += 1
            if self._missed > self._patience:
                self.reset()
        else:
            self._last, self._missed = best, 0
        return best


def _box_area(landmarks: Landmarks) -> float:
    left, top, right, bottom = face_box(landmarks)
    return (right - left) * (bottom - top)


def box_width(landmarks: Landmarks) -> float:
    """How wide a face's box is, in pixels."""
    left, _, right, _ = face_box(landmarks)
    return right - left


def face_centre(landmarks: Landmarks) -> Any:
    """The mean of a face's landmarks, x and y in pixels."""
    return landmarks[:, :2].mean(axis=0)
