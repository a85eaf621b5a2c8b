"""What the correcting network sees of a frame, and where its correction goes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Landmarks
from fomm.animators.face_lite.network import CLUE_CELLS, CLUES, CORRECTION_CELLS
from fomm.landmarks import (
    CHIN,
    EYES,
    FOREHEAD,
    INNER_LIPS,
    LEFT_EAR,
    OVAL,
    RIGHT_EAR,
    RIGID,
    AvatarMotion,
    euler_angles,
    similarity,
)

Array: TypeAlias = NDArray[np.floating[Any]]

#: Side of the square that is corrected, against the longer side of the landmarks' box.
_SIDE = 2.2
#: Towards the square's border the correction fades, over so many of its cells.
FADE = 3
#: The face with so many cells of the clues around it is not corrected.
RIM = 2
#: The network's unit: an eighth of the square.
UNIT = 0.125

#: So many numbers of `pose` are of the motion; the others are the source's.
MOTION_NUMBERS = 6

_LIPS = np.array(
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185], np.intp
)
_BROWS = (np.array([70, 63, 105, 66, 107], np.intp), np.array([336, 296, 334, 293, 300], np.intp))
_SUBPIXEL = 4


@dataclass(frozen=True)
class Square:
    """The part of a picture that is corrected.

    Attributes:
        left, top, side: in the picture's pixels, edges and not pixels' centres.
    """

    left: float
    top: float
    side: float

    @staticmethod
    def around(landmarks: Landmarks) -> Square:
        """Around a face, with hair and shoulders."""
        low, high = landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)
        side = _SIDE * float((high - low).max())
        left, top = (low + high) / 2 - side / 2
        return Square(float(left), float(top), side)

    def normalised(self, landmarks: Landmarks) -> Array:
        """`(478, 3)` landmarks where the square is [0, 1]; depth in the same unit."""
        out = landmarks.astype(np.float32)
        out[:, 0] += 0.5 - self.left
        out[:, 1] += 0.5 - self.top
        return out / np.float32(self.side)

    def cells(self, count: int) -> Array:
        """`(2, 3)` affine map from the centres of `count` by `count` cells to the picture's pixels."""
        step = self.side / count
        return np.array(
            [[step, 0, self.left + 0.5 * step - 0.5], [0, step, self.top + 0.5 * step - 0.5]], np.float32
        )

    def shrink(self, picture: Array, count: int) -> Array:
        """A picture `(H, W)` or `(H, W, C)` at the square's cells, averaged; replicated beyond its borders."""
        blur = max(1, round(self.side / count))
        averaged = cv2.blur(picture, (blur, blur)) if blur > 1 else picture
        return np.asarray(
            cv2.warpAffine(
                averaged,
                self.cells(count),
                (count, count),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )


@dataclass(frozen=True, eq=False)
class Stills:
    """Clues that are the same in all frames of one source.

    Attributes:
        square: what is corrected.
        landmarks: `(478, 3)` of the source, normalised to the square.
        matte: `(64, 64)` float32 in [0, 1].
        sketch: `(3, 64, 64)` of the source, see `sketch`.
    """

    square: Square
    landmarks: Array
    matte: Array
    sketch: Array

    @staticmethod
    def of(landmarks: Landmarks, matte: Array) -> Stills:
        """Of a source's landmarks `(478, 3)` and matte `(H, W)`, both in its pixels."""
        square = Square.around(landmarks)
        normalised = square.normalised(landmarks)
        return Stills(square, normalised, square.shrink(matte, CLUE_CELLS), sketch(normalised))


def sketch(landmarks: Array) -> Array:
    """`(3, 64, 64)` float32 in [0, 1]: lips and their opening; eyes and brows; the face's outline, filled.

    Args:
        landmarks: `(478, 2 or 3)`, normalised to the square.
    """
    lips, eyes, face = np.zeros((3, CLUE_CELLS, CLUE_CELLS), np.uint8)
    points = np.round((landmarks[:, :2] * CLUE_CELLS - 0.5) * 2**_SUBPIXEL).astype(np.int32)

    def fill(on: NDArray[np.uint8], outline: NDArray[np.intp], value: int) -> None:
        cv2.fillPoly(on, [points[outline]], value, cv2.LINE_AA, _SUBPIXEL)

    fill(lips, _LIPS, 255)
    fill(lips, INNER_LIPS, 90)
    for eye in EYES:
        fill(eyes, eye.outline, 255)
    for brow in _BROWS:
        cv2.polylines(eyes, [points[brow]], False, 160, 1, cv2.LINE_AA, _SUBPIXEL)
    fill(face, OVAL, 255)
    return np.stack([lips, eyes, face]).astype(np.float32) / 255


def pose(source: Array, target: Array) -> Array:
    """`(8,)` how the head goes from source to target landmarks, and how it is turned in the source; about 1 at most.

    Yaw, pitch, roll, scale, the rigid centre's x and y; the source's depth from ear to ear and chin to forehead.
    """
    scale, rotation, from_, to = similarity(source[RIGID], target[RIGID])
    yaw, pitch, roll = euler_angles(rotation)
    travel = 4 * (to - from_)[:2]
    across, along = source[RIGHT_EAR] - source[LEFT_EAR], source[CHIN] - source[FOREHEAD]
    return np.array(
        [yaw / 30, pitch / 25, roll / 25, 4 * (scale - 1), *travel, 2 * across[2], 2 * along[2]], np.float32
    )


def clues(stills: Stills, displacement: Array, landmarks: Array) -> Array:
    """`(CLUES, 64, 64)` float32: what the network sees.

    Args:
        stills: of the source.
        displacement: `(64, 64, 2)` float32 from each cell's centre to where the warp reads, in sides of the square.
        landmarks: `(478, 3)` where the avatar's landmarks go, normalised to the square.
    """
    there = (centres() + displacement) * np.float32(CLUE_CELLS) - np.float32(0.5)
    warped = cv2.remap(
        stills.matte, there[..., 0], there[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    head = pose(stills.landmarks, landmarks)
    out = np.empty((CLUES, CLUE_CELLS, CLUE_CELLS), np.float32)
    out[:2] = displacement.transpose(2, 0, 1) / np.float32(UNIT)
    out[2], out[3] = stills.matte, warped
    out[4:7], out[7:10] = stills.sketch, sketch(landmarks)
    out[10:12] = centres().transpose(2, 0, 1) * 2 - 1
    out[12:] = head[:, None, None]
    return out


def seen(stills: Stills, grid: Array, motion: AvatarMotion) -> Array:
    """`clues` of a frame: of the warp's sampling grid `(H, W, 2)`, and of where the landmarks go, both in pixels."""
    square = stills.square
    return clues(stills, displacement(grid, square), square.normalised(motion.landmarks))


@functools.cache
def centres() -> Array:
    """`(64, 64, 2)` float32: x and y of the cells' centres, the square being [0, 1]."""
    middle = (np.arange(CLUE_CELLS, dtype=np.float32) + 0.5) / CLUE_CELLS
    return np.stack(np.meshgrid(middle, middle), axis=-1)


def displacement(grid: Array, square: Square) -> Array:
    """`(64, 64, 2)` of a sampling grid `(H, W, 2)`, in sides of the square; replicated beyond the picture."""
    to_pixels = square.cells(CLUE_CELLS)
    cells = np.arange(CLUE_CELLS, dtype=np.float32)
    x, y = np.meshgrid(to_pixels[0, 0] * cells + to_pixels[0, 2], to_pixels[1, 1] * cells + to_pixels[1, 2])
    height, width = grid.shape[:2]
    # Beyond the border what moves is what moves at the border.
    inside = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    read = cv2.remap(grid, *inside, cv2.INTER_LINEAR)
    return np.asarray((read - np.stack(inside, axis=-1)) / np.float32(square.side), np.float32)


def share(face: Array) -> Array:
    """How much of the correction counts, `(32, 32)`: none on the face, where landmarks say where everything is, and
    none towards the square's border.

    Args:
        face: `(64, 64)`, the outline of the moved face, filled: the last plane of `sketch`.
    """
    wider = cv2.dilate(face, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8))
    halved = cv2.resize(wider, (CORRECTION_CELLS, CORRECTION_CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(_fade() * (1 - cv2.blur(halved, (3, 3), borderType=cv2.BORDER_REPLICATE)))


def add_correction(grid: Array, correction: Array, square: Square) -> None:
    """Add a correction `(2, 32, 32)`, in the network's unit, to a sampling grid `(H, W, 2)`, in place."""
    height, width = grid.shape[:2]
    left, top = max(0, int(square.left)), max(0, int(square.top))
    right, bottom = (
        min(limit, int(start + square.side) + 1)
        for limit, start in ((width, square.left), (height, square.top))
    )
    if right <= left or bottom <= top:
        return
    to_pixels = square.cells(CORRECTION_CELLS)
    to_pixels[:, 2] -= (left, top)
    by_cell = correction.transpose(1, 2, 0) * np.float32(UNIT * square.side)
    smooth = cv2.warpAffine(by_cell, to_pixels, (right - left, bottom - top), flags=cv2.INTER_CUBIC)
    grid[top:bottom, left:right] += smooth


@functools.cache
def _fade() -> Array:
    """`(32, 32)`: 0 at the square's border, 1 inside."""
    cells = np.arange(CORRECTION_CELLS)
    near = np.minimum(cells, cells[::-1]).astype(np.float32) / FADE
    return np.minimum(np.minimum.outer(near, near), 1)
