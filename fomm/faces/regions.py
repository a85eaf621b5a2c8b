"""Where in a picture a face is looked for: rectangles that turn with the head."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame, Landmarks

#: How much larger than a face's box its region is, so that the face is still inside in the next frame.
_ROOM = 1.5
#: OpenCV cuts out four channels in half the time of three. Up to so many pixels around the region for each of the
#: result's, that saves more than the fourth channel costs.
_FOURTH_CHANNEL_TO = 6
#: The outer corners of the eyes: where the head's roll is read off.
_RIGHT_EYE, _LEFT_EYE = 33, 263


@dataclass(frozen=True)
class Region:
    """A rectangle in a picture, turned about its centre.

    Attributes:
        x, y: its centre, in pixels of the picture.
        width, height: in pixels; both are positive.
        angle: how far it is turned, in radians, clockwise as seen (x is right, y is down), in [-π, π).
    """

    x: float
    y: float
    width: float
    height: float
    angle: float

    @staticmethod
    def around_eyes(
        box: tuple[float, float, float, float], right_eye: NDArray[np.float32], left_eye: NDArray[np.float32]
    ) -> Region:
        """The region of a face of which a detector knows the box and the eyes.

        Args:
            box: left, top, right, bottom.
            right_eye, left_eye: x, y. The person's own right, which is left in the picture.
        """
        left, top, right, bottom = box
        return Region(
            (left + right) / 2,
            (top + bottom) / 2,
            _ROOM * (right - left),
            _ROOM * (bottom - top),
            _roll(right_eye, left_eye),
        )

    @staticmethod
    def around_face(landmarks: Landmarks) -> Region:
        """The square region of a face whose landmarks are known, `(478, 3)` in pixels."""
        left, top = (float(edge) for edge in landmarks[:, :2].min(axis=0))
        right, bottom = (float(edge) for edge in landmarks[:, :2].max(axis=0))
        side = _ROOM * max(right - left, bottom - top)
        angle = _roll(landmarks[_RIGHT_EYE], landmarks[_LEFT_EYE])
        return Region((left + right) / 2, (top + bottom) / 2, side, side, angle)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The `(2, 3)` affine map from the region, [0, 1] along each side from its upper left corner, to pixels of
        the picture, counted from the edge of its first pixel."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        across = (self.width * cos, self.width * sin)
        down = (-self.height * sin, self.height * cos)
        return np.array(
            [
                [across[0], down[0], self.x - (across[0] + down[0]) / 2],
                [across[1], down[1], self.y - (across[1] + down[1]) / 2],
            ]
        )

    def cut(
        self, pixels: Frame, side: int, *, beyond: int = cv2.BORDER_REPLICATE, out: Frame | None = None
    ) -> Frame:
        """The region upright, stretched to `(side, side, 3)`.

        Points are taken as they are, without averaging, since that is what the networks get in MediaPipe.

        Args:
            pixels: `(H, W, 3)`.
            side: of the result, in pixels.
            beyond: OpenCV's name for what lies outside the picture.
            out: where to write the result; in new memory without.
        """
        to_picture = self.matrix / np.array([side, side, 1.0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        left, top, right, bottom = self._pixels_of(pixels)
        if (right - left) * (bottom - top) > _FOURTH_CHANNEL_TO * side**2:
            cut = cv2.warpAffine(pixels, to_picture, (side, side), dst=out, flags=flags, borderMode=beyond)
            return np.asarray(cut, np.uint8)
        around = cv2.cvtColor(pixels[top:bottom, left:right], cv2.COLOR_RGB2RGBA)
        to_picture[:, 2] -= left, top
        cut = cv2.warpAffine(around, to_picture, (side, side), flags=flags, borderMode=beyond)
        return np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGBA2RGB, dst=out), np.uint8)

    def _pixels_of(self, pixels: Frame) -> tuple[int, int, int, int]:
        """The box of a picture's pixels that the region is made of, at least one: left, top, right, bottom."""
        height, width = pixels.shape[:2]
        cos, sin = abs(math.cos(self.angle)), abs(math.sin(self.angle))
        across, down = (self.width * cos + self.height * sin) / 2, (self.width * sin + self.height * cos) / 2
        # One more on each side, because a place between two is made of both.
        left = min(max(math.floor(self.x - across) - 1, 0), width - 1)
        top = min(max(math.floor(self.y - down) - 1, 0), height - 1)
        right = max(min(math.ceil(self.x + across) + 1, width), left + 1)
        bottom = max(min(math.ceil(self.y + down) + 1, height), top + 1)
        return left, top, right, bottom

    def place(self, points: NDArray[np.float32]) -> Landmarks:
        """Points of the region in pixels of the picture.

        Args:
            points: `(N, 3)`: x and y in [0, 1] along the region's sides; z in the unit of x.
        """
        matrix = self.matrix
        placed = np.empty_like(points)
        placed[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        placed[:, 2] = points[:, 2] * self.width
        return placed

    def overlap(self, other: Region) -> float:
        """Intersection over union with another region, both taken upright, in [0, 1]."""
        return overlap(self._box, other._box)

    @property
    def _box(self) -> tuple[float, float, float, float]:
        across, down = self.width / 2, self.height / 2
        return self.x - across, self.y - down, self.x + across, self.y + down


def overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), in [0, 1]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (one, other)]
    return width * height / (sum(areas) - width * height)


def _roll(right_eye: NDArray[np.float32], left_eye: NDArray[np.float32]) -> float:
    """How far the line between the eyes is turned, in radians, in [-π, π)."""
    angle = math.atan2(float(left_eye[1] - right_eye[1]), float(left_eye[0] - right_eye[0]))
    return angle if angle < math.pi else -math.pi
