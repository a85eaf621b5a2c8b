"""The face of a source picture, however small it is."""

from __future__ import annotations

import numpy as np

from fomm.animators.base import Frame, Landmarks, SourceImage
from fomm.errors import NoFaceError
from fomm.faces.follower import box_width, face_centre
from fomm.faces.landmarker import FaceLandmarker

#: A source face narrower than this, in pixels, has too little of eyes and mouth to animate.
MIN_FACE_WIDTH = 40
#: Parts of a picture smaller than this, in pixels, are not searched: no face in them would be large enough.
_SMALLEST_PART = 4 * MIN_FACE_WIDTH


def source_face(source: SourceImage) -> tuple[Landmarks, tuple[str, ...]]:
    """The largest face of a source picture, or the one that was marked by hand, and sentences worth showing the user.

    Raises:
        NoFaceError: no face, or one narrower than `MIN_FACE_WIDTH`.
    """
    if source.landmarks is not None:
        faces = [source.landmarks]
    else:
        with FaceLandmarker(mode="image") as landmarker:
            faces = landmarker.detect(source.pixels) or _look_closer(landmarker, source.pixels)
    if not faces:
        raise NoFaceError(
            f"{source.name}: no face found. Choose a picture where one face looks towards the camera and "
            "fills at least a tenth of the width; or mark the face of a cartoon, statue or animal by hand: "
            f"fomm-live annotate {source.name}"
        )
    largest = max(faces, key=box_width)
    if box_width(largest) < MIN_FACE_WIDTH:
        raise NoFaceError(
            f"{source.name}: the face is only {box_width(largest):.0f} pixels wide, and at least "
            f"{MIN_FACE_WIDTH} are needed. Crop the picture closer, or take a larger one."
        )
    if len(faces) > 1:
        return largest, (f"{source.name}: {len(faces)} faces found, the largest one is animated.",)
    return largest, ()


def _look_closer(landmarker: FaceLandmarker, pixels: Frame) -> list[Landmarks]:
    """Faces too small for MediaPipe's detector, which wants a tenth of the picture's width.

    Parts of the picture are searched: squares of half the longer side, then of a quarter, that overlap.
    """
    height, width = pixels.shape[:2]
    for parts in (2, 4):
        side = max(height, width) // parts
        if side < _SMALLEST_PART:
            break
        found: list[Landmarks] = []
        for top in range(0, max(1, height - side // 2), side // 2):
            for left in range(0, max(1, width - side // 2), side // 2):
                for face in _detect_in(landmarker, pixels, (left, top, left + side, top + side)):
                    # Once more with the face in the middle: a square's border may have cut it.
                    (x, y), reach = face_centre(face), 2 * box_width(face)
                    box = (int(x - reach), int(y - reach), int(x + reach), int(y + reach))
                    again = _detect_in(landmarker, pixels, box)
                    found += [face for face in again if not any(_same(face, other) for other in found)]
        if found:
            return found
    return []


def _detect_in(landmarker: FaceLandmarker, pixels: Frame, box: tuple[int, int, int, int]) -> list[Landmarks]:
    """Faces in one part of a picture, in pixels of the whole."""
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), box[2], box[3]
    offset = np.array([left, top, 0], np.float32)
    return [face + offset for face in landmarker.detect(pixels[top:bottom, left:right])]


def _same(face: Landmarks, other: Landmarks) -> bool:
    return float(np.linalg.norm(face_centre(face) - face_centre(other))) < box_width(other) / 2
