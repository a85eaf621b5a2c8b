"""Taking the tremble out of landmarks without making them late."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Landmarks
from fomm.errors import ConfigError
from fomm.faces import face_box
from fomm.landmarks import EYES, NUM_LANDMARKS, face_triangles

DEFAULT_SMOOTH = 0.5

#: Hz, how the speeds themselves are smoothed.
_SPEED_CUTOFF = 5.0


class LandmarkSmoother:
    """One-Euro filter (Casiez, CHI 2012) on landmarks: calms a still face, follows a fast one.

    MediaPipe filters this way itself, but only when it looks for a single face, and so strongly that blinks
    come late. Two things differ from the paper here. A point's speed, which ends the smoothing, is the mean over
    its neighbours on the face (each lid and iris for itself): tremble is every point's own and cancels out,
    motion is common to them. And speeds that tremble alone can explain count as none. Speeds are measured in face
    sizes a second, so that nearness to the camera makes no difference. `benchmarks/smoothing.py` measures it.

    Args:
        smooth: 0 leaves landmarks as they are; 1 is very calm, and late by what an eye can see.

    Raises:
        ConfigError: `smooth` is not in [0, 1].
    """

    def __init__(self, smooth: float = DEFAULT_SMOOTH) -> None:
        if not 0 <= smooth <= 1:
            raise ConfigError(f"--smooth {smooth:g} is out of range; give 0 (off) to 1 (very calm)")
        self.smooth_by = smooth
        away = 4 ** (1 - 2 * smooth)
        #: Hz: how much a face that stands still is smoothed; less is smoother.
        self._rest_cutoff = 0.5 * away
        #: Hz per face size a second: how quickly motion ends the smoothing.
        self._release = 32.0 * away
        #: Face sizes a second: what tremble comes to after averaging.
        self._tremble = 0.06 * smooth
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next landmarks come back as they are."""
        self._values: Landmarks | None = None
        self._speeds: Any = 0.0
        self._at = 0.0

    def smooth(self, landmarks: Landmarks, timestamp: float) -> Landmarks:
        """The landmarks, `(478, 3)` float32 in pixels, smoothed; `timestamp` in seconds grows."""
        elapsed, self._at = timestamp - self._at, timestamp
        if self._values is None or elapsed <= 0 or self.smooth_by == 0:
            self._values, self._speeds = landmarks, np.zeros((NUM_LANDMARKS, 2), np.float32)
            return landmarks
        left, top, right, bottom = face_box(landmarks)
        size = max(1.0, (right - left + bottom - top) / 2)
        moved = landmarks - self._values
        speeds = _neighbourhoods() @ moved[:, :2] / np.float32(size * elapsed)
        self._speeds = self._speeds + _weight(_SPEED_CUTOFF, elapsed) * (speeds - self._speeds)
        beyond = np.maximum(np.linalg.norm(self._speeds, axis=1) - self._tremble, 0.0)
        weights = _weight(self._rest_cutoff + self._release * beyond, elapsed)[:, None]
        self._values = (self._values + weights * moved).astype(np.float32)
        return self._values


@cache
def _neighbourhoods() -> NDArray[np.float32]:
    """`(478, 478)`, each row the weights, which sum to 1, of the points whose motion is also this point's."""
    together = np.eye(NUM_LANDMARKS, dtype=bool)
    for triangle in face_triangles():
        together[np.ix_(triangle, triangle)] = True
    for eye in EYES:  # a lid must not be slowed by the skin around it, which keeps still in a blink
        for part in (eye.upper, eye.lower, eye.iris):
            together[part] = False
            together[np.ix_(part, part)] = True
    weights = together.astype(np.float32)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _weight(cutoff: Any, elapsed: float) -> Any:
    """How much of a new value a low-pass filter of that cutoff takes after `elapsed` seconds, 0 to 1."""
    return 1 / (1 + 1 / (2 * math.pi * elapsed * cutoff))
