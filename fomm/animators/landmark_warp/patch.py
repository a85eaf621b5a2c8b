"""Small rectangles of a frame that are drawn over at full resolution: eyes and mouth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame

Array: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Patch:
    """A rectangle of pixels inside a frame: `frame[top:bottom, left:right]`."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, points: Array, shape: tuple[int, ...], *, margin: int) -> Patch | None:
        """The patch that holds `(N, 2)` points and a margin; None where nothing of it is inside the frame."""
        low = np.floor(points.min(axis=0)).astype(int) - margin
        high = np.ceil(points.max(axis=0)).astype(int) + margin + 1
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
        return cls(left, top, right, bottom) if right > left and bottom > top else None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index a frame with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def pixels(self) -> Array:
        """`(h, w, 2)` the frame's coordinates of each pixel, x first."""
        y, x = np.mgrid[self.top : self.bottom, self.left : self.right]
        return np.stack([x, y], axis=-1).astype(np.float32)


def outline_mask(outline: Array, patch: Patch, *, soften: float) -> Array:
    """`(h, w)` float32 in [0, 1]: the inside of a closed outline, its edge softened by `soften` pixels."""
    mask = np.zeros(patch.shape, np.uint8)
    fixed = np.round((outline - [patch.left, patch.top]) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
    softened = cv2.GaussianBlur(mask, (0, 0), soften) if soften > 0 else mask
    return softened.astype(np.float32) / np.float32(255)


def sample(pixels: NDArray[np.uint8], where: Array) -> NDArray[np.uint8]:
    """Read an image bilinearly at pixel coordinates; beyond its border, its nearest pixel.

    Args:
        pixels: `(H, W, C)` uint8.
        where: `(h, w, 2)`, x first.

    Returns:
        `(h, w, C)` uint8.
    """
    where = where.astype(np.float32, copy=False)
    # OpenCV's stubs know no call without a second map.
    read = cv2.remap(pixels, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(read, np.uint8)


def blend(out: Frame, patch: Patch, pixels: Frame | Array, mask: Array) -> None:
    """Lay `(h, w, 3)` pixels over the frame's patch, by a mask in [0, 1]."""
    under = out[patch.slices]
    alpha = mask[..., None]
    under[:] = (under * (1 - alpha) + pixels * alpha + 0.5).astype(np.uint8)
