"""The driving frame whose pose is most like the source's: the best neutral pose for relative motion.

As in the reference implementation: points are compared after their mean and their size are taken out.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import NoFaceError
from fomm.face_points import PointDetector, Points


def normalised(points: Points) -> Points:
    """Points around their mean, in units of the square root of their convex hull's area.

    Args:
        points: `(N, 2)`, not all on one line.
    """
    centred = np.asarray(points - points.mean(axis=0), np.float32)
    area = cv2.contourArea(cv2.convexHull(centred))
    return np.asarray(centred / np.sqrt(area), np.float32)


def pose_distance(points: Points, other: Points) -> float:
    """Squared distance of two faces' normalised points, `(N, 2)` each, summed over the points."""
    return float(np.square(normalised(points) - normalised(other)).sum())


def best_match(source: Points, driving: Iterable[Points | None]) -> int | None:
    """The index of the driving points most like the source's, the first of equals.

    Args:
        source: `(N, 2)`.
        driving: `(N, 2)` for each frame, None where it holds no face.

    Returns:
        None where no frame holds a face.
    """
    best, least = None, np.inf
    target = normalised(source)
    for index, points in enumerate(driving):
        if points is None:
            continue
        distance = float(np.square(target - normalised(points)).sum())
        if distance < least:
            best, least = index, distance
    return best


def find_best_frame(
    source: Frame, driving: Iterable[Frame], detector: PointDetector, *, name: str = "the driving video"
) -> int:
    """The index of the driving frame whose face has most nearly the source face's pose and expression.

    Args:
        source: `(H, W, 3)` uint8 RGB.
        driving: frames, of any size; looked at one by one.
        detector: see `fomm.face_points.DETECTORS`; MediaPipe for photos, face-alignment for paintings.
        name: what messages call the driving frames.

    Raises:
        NoFaceError: no face in the source, or in any driving frame.
    """
    points = detector.detect(source)
    if points is None:
        raise NoFaceError(
            f"the source has no face that {detector.name} finds, so no best frame can be searched for; choose a "
            "neutral frame by its number"
        )
    best = best_match(points, (detector.detect(frame) for frame in driving))
    if best is None:
        raise NoFaceError(f"{name}: no face in any frame; use a video in which a face is seen")
    return best
