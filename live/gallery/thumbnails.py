"""What the window's strip shows of each picture of the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from fomm.animators.base import Frame

#: Height and width of a thumbnail, in pixels.
THUMBNAIL_SIDE = 96

#: "waiting": not looked at yet. "still": usable, shown at rest the moment it is chosen, and animated soon after.
#: "preparing": being made ready. "ready": animated from the first frame. "unusable": see the reason.
ThumbnailState = Literal["waiting", "still", "preparing", "ready", "unusable"]


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One picture of the gallery.

    Attributes:
        name: its file's name, without the suffix.
        number: its place, from 1; the keys 1 to 9 choose the first nine.
        pixels: `(96, 96, 3)` uint8 RGB, cut around the face; None where nothing of the picture could be read yet.
        state: how far it is.
        reason: why it cannot be used, one sentence; "" where it can.
        current: whether it is the one that is shown.
    """

    name: str
    number: int
    pixels: Frame | None
    state: ThumbnailState
    reason: str = ""
    current: bool = False


def thumbnail(pixels: Frame, face: tuple[float, float, float, float] | None) -> Frame:
    """`(96, 96, 3)`: a square of a picture around its face, or around where a face would be.

    Args:
        pixels: `(H, W, 3)`.
        face: left, top, right, bottom; None where it is not known.
    """
    height, width = pixels.shape[:2]
    if face is None:
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 4
    else:
        side = round(min(height, width, 1.8 * max(face[2] - face[0], face[3] - face[1])))
        left = round(min(max(0.0, (face[0] + face[2] - side) / 2), width - side))
        top = round(min(max(0.0, (face[1] + face[3] - side) / 2), height - side))
    part = pixels[top : top + side, left : left + side]
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
