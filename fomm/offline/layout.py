"""How a frame of the result is laid out: beside what it was made from."""

from __future__ import annotations

import cv2
import numpy as np

from fomm.animators import Frame


class SideBySide:
    """Lays source, driving frame and result out in a row, all as high as the result.

    Args:
        source: `(H, W, 3)` the picture.
        driving: `(width, height)` of the driving frames.
        result: `(width, height)` of the result's frames.
    """

    def __init__(self, source: Frame, driving: tuple[int, int], result: tuple[int, int]) -> None:
        height = result[1]
        self._driving = (_scaled(driving, height), height)
        self._source = _resized(source, (_scaled((source.shape[1], source.shape[0]), height), height))
        self.size = (self._source.shape[1] + self._driving[0] + result[0], height)

    def __call__(self, driving: Frame, result: Frame) -> Frame:
        """The three in a row: `(H, W, 3)` of `size`."""
        return np.concatenate([self._source, _resized(driving, self._driving), result], axis=1)


def _scaled(size: tuple[int, int], height: int) -> int:
    return max(1, round(size[0] * height / size[1]))


def _resized(pixels: Frame, size: tuple[int, int]) -> Frame:
    if pixels.shape[1::-1] == size:
        return pixels
    interpolation = cv2.INTER_AREA if size[1] < pixels.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)
