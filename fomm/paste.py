"""An animated square put back into the picture that it was cut from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.crops import Square

#: How far in from its edges an animated region fades into the picture around it, as a share of its side.
_FEATHER = 0.1


class Paste:
    """Puts frames of a square region back into the picture, faded in at those edges that lie within it.

    Args:
        picture: `(H, W, 3)` what is around the region.
        region: where it is; what of it lies beyond the picture is cut off.
    """

    def __init__(self, picture: Frame, region: Square) -> None:
        height, width = picture.shape[:2]
        self._picture = picture
        self._region = region
        left, top = max(0, region.left), max(0, region.top)
        right, bottom = min(width, region.left + region.side), min(height, region.top + region.side)
        self._into = np.s_[top:bottom, left:right]
        self._of = np.s_[
            top - region.top : bottom - region.top,
            left - region.left : right - region.left,
        ]
        # The picture's own edges are not faded: there is nothing beyond them to fade into.
        across = _ramp(region.side, fade=(region.left > 0, region.left + region.side < width))
        down = _ramp(region.side, fade=(region.top > 0, region.top + region.side < height))
        self._weight = np.ascontiguousarray(np.outer(down, across)[self._of], np.float32)
        self._rest = np.ascontiguousarray(1 - self._weight)

    def __call__(self, frame: Frame) -> Frame:
        """The picture with this frame, of any square size, in the region."""
        side = self._region.side
        interpolation = cv2.INTER_AREA if side < max(frame.shape[:2]) else cv2.INTER_CUBIC
        enlarged = cv2.resize(frame, (side, side), interpolation=interpolation)
        result = self._picture.copy()
        inside = np.ascontiguousarray(enlarged[self._of])
        around = np.ascontiguousarray(result[self._into])
        result[self._into] = cv2.blendLinear(inside, around, self._weight, self._rest)
        return result


def _ramp(side: int, *, fade: tuple[bool, bool]) -> NDArray[np.float32]:
    """Weights along one side of a square: a smooth rise from an edge where it fades, 1 elsewhere."""
    reach = max(1.0, _FEATHER * side)
    from_start = np.arange(side, dtype=np.float32) + 0.5
    weight = np.ones(side, np.float32)
    for fades, distance in zip(fade, (from_start, from_start[::-1]), strict=True):
        if fades:
            share = np.clip(distance / reach, 0, 1)
            weight = weight * share * share * (3 - 2 * share)
    return weight
