"""The points of the one face in a picture, by a detector with a name: for measuring and for comparing poses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.faces import FaceLandmarker

#: `(N, 2)` float32 in pixels, x first.
Points = NDArray[np.float32]


class PointDetector(Protocol):
    """Finds the same `N` points in every face.

    Attributes:
        name: what reports call it.
        anchors: indices of the outer and the inner corner of the eye on the picture's right, the same of the eye on
            its left, and of the nose's base.
    """

    name: str
    anchors: tuple[int, int, int, int, int]

    def detect(self, pixels: Frame) -> Points | None:
        """The points of the largest face, None where there is no face."""
        ...

    def close(self) -> None:
        """Free what the detector holds; idempotent."""
        ...


class MediaPipePoints:
    """MediaPipe Face Landmarker: 478 points, each picture looked at afresh."""

    name = "mediapipe"
    anchors = (263, 362, 33, 133, 2)

    def __init__(self) -> None:
        self._landmarker = FaceLandmarker(mode="image", backend="mediapipe")

    def detect(self, pixels: Frame) -> Points | None:
        """The 478 points of the largest face."""
        return _largest([face[:, :2] for face in self._landmarker.detect(pixels)])

    def close(self) -> None:
        """Free the native graph."""
        self._landmarker.close()


class FaceAlignmentPoints:
    """face-alignment: the 68 points that the paper measured with; see `fomm.face_alignment`.

    Raises:
        ConfigError, CheckpointError: the package or its weights are not here.
    """

    name = "face-alignment"
    anchors = (45, 42, 36, 39, 33)

    def __init__(self) -> None:
        from fomm.face_alignment import FaceAlignment

        self._tracker = FaceAlignment()

    def detect(self, pixels: Frame) -> Points | None:
        """The 68 points of the largest face."""
        return _largest(self._tracker.detect(pixels))

    def close(self) -> None:
        """Nothing to free."""
        self._tracker.close()


#: name → factory.
DETECTORS: dict[str, Callable[[], PointDetector]] = {
    "mediapipe": MediaPipePoints,
    "face-alignment": FaceAlignmentPoints,
}


def _largest(faces: list[Points]) -> Points | None:
    return max(faces, key=lambda points: float(np.prod(np.ptp(points, axis=0))), default=None)
