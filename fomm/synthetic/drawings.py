"""Drawn characters: samples of faces that are marked by hand.

`python -m fomm.synthetic.drawings FOLDER` writes each picture, and the points of its face beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame

Array: TypeAlias = NDArray[np.floating[Any]]
Colour: TypeAlias = tuple[int, int, int]

#: Pictures are square, this many pixels a side, and drawn this much larger.
SIDE, _FINER = 768, 3


class Canvas:
    """A square of colour; coordinates from 0 to 1, x right, y down.

    Args:
        top, bottom: the colours between which its background runs.
    """

    def __init__(self, top: Colour, bottom: Colour) -> None:
        self._side = SIDE * _FINER
        share = np.linspace(0, 1, self._side, dtype=np.float32)[:, None, None]
        column = np.array(top, np.float32) * (1 - share) + np.array(bottom, np.float32) * share
        self._pixels = np.repeat(column, self._side, axis=1)

    def mask(self, outline: Array) -> Array:
        """`(S, S)` the inside of a closed outline `(N, 2)`."""
        mask = np.zeros((self._side, self._side), np.uint8)
        cv2.fillPoly(mask, [np.round(outline * self._side * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return mask.astype(np.float32) / 255

    def fill(self, outline: Array, colour: Colour, *, soft: float = 0.0, share: float = 1.0) -> Array:
        """Paint the inside of an outline, its edge softened; the mask, to shade it by."""
        mask = self.mask(outline)
        self.paint(self.blur(mask, soft) if soft else mask, colour, share)
        return mask

    def shade(self, within: Array, outline: Array, colour: Colour, *, soft: float, share: float) -> None:
        """Paint a soft shape, only inside another's mask."""
        self.paint(self.blur(self.mask(outline), soft) * within, colour, share)

    def line(self, points: Array, width: float, colour: Colour) -> None:
        """A stroke through points `(N, 2)` with round ends."""
        mask = np.zeros((self._side, self._side), np.uint8)
        path = np.round(points * self._side * 16).astype(np.int32)
        cv2.polylines(mask, [path], False, 255, max(1, round(width * self._side)), cv2.LINE_AA, 4)
        self.paint(mask.astype(np.float32) / 255, colour)

    def paint(self, mask: Array, colour: Colour, share: float = 1.0) -> None:
        """Lay a colour over the picture by a mask."""
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return
        within = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        pixels = self._pixels[within]
        pixels += (np.array(colour, np.float32) - pixels) * (mask[within] * np.float32(share))[..., None]

    def blur(self, mask: Array, soft: float) -> Array:
        """A mask out of focus, by a share of the side."""
        small = cv2.resize(mask, None, fx=1 / _FINER, fy=1 / _FINER, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), soft * SIDE)
        return np.asarray(cv2.resize(small, (self._side, self._side), interpolation=cv2.INTER_LINEAR))

    def picture(self, *, grain: float = 0.0, seed: int = 0) -> Frame:
        """`(768, 768, 3)` uint8 RGB."""
        small = cv2.resize(self._pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        if grain:
            small = small + np.random.default_rng(seed).normal(0, grain, (SIDE, SIDE, 1)).astype(np.float32)
        return np.asarray(np.clip(small + 0.5, 0, 255), np.uint8)


def ellipse(x: float, y: float, width: float, height: float, turn: float = 0.0) -> Array:
    """The outline `(N, 2)` of an ellipse around x, y; half its width and height; turned by degrees."""
    angle = np.linspace(0, 2 * np.pi, 181)[:-1]
    points = np.stack([width * np.cos(angle), height * np.sin(angle)], axis=1)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.asarray(points @ np.array([[c, s], [-s, c]]) + [x, y])


def smooth(*points: tuple[float, float], closed: bool = True) -> Array:
    """A smooth line through points (Catmull-Rom)."""
    p = np.array(points, np.float64)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, 25)[:-1, None]
    parts = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        parts.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    if not closed:
        parts.append(p[-2:-1])
    return np.concatenate(parts)


def both(outline: Array) -> tuple[Array, Array]:
    """An outline and its mirror image about the middle of the picture."""
    return outline, np.asarray(outline * [-1, 1] + [1, 0])


def fox() -> tuple[Frame, dict[str, tuple[float, float]]]:
    """A fox in a scarf, and the points of its face in pixels."""
    canvas = Canvas((150, 196, 208), (214, 230, 220))
    orange, dark, cream, ink = (226, 122, 52), (176, 84, 34), (252, 240, 222), (58, 38, 34)
    body = canvas.fill(
        smooth((0.18, 1.1), (0.2, 0.94), (0.34, 0.84), (0.5, 0.8), (0.66, 0.84), (0.8, 0.94), (0.82, 1.1)),
        orange,
    )
    canvas.shade(body, ellipse(0.5, 1.0, 0.13, 0.2), cream, soft=0.02, share=1)
    canvas.shade(body, ellipse(0.5, 0.8, 0.3, 0.08), dark, soft=0.03, share=0.8)
    for ear, inner, tip in zip(
        both(smooth((0.17, 0.42), (0.14, 0.22), (0.18, 0.07), (0.3, 0.14), (0.42, 0.27), (0.36, 0.4))),
        both(smooth((0.22, 0.38), (0.19, 0.24), (0.21, 0.15), (0.28, 0.2), (0.35, 0.29), (0.31, 0.37))),
        both(ellipse(0.17, 0.06, 0.1, 0.1)),
        strict=True,
    ):
        within = canvas.fill(ear, orange)
        canvas.shade(within, tip, ink, soft=0.012, share=0.9)
        canvas.fill(inner, (244, 190, 168), soft=0.006)
    head = canvas.fill(
        smooth(
            (0.5, 0.2), (0.63, 0.225), (0.76, 0.3), (0.83, 0.43), (0.87, 0.56), (0.77, 0.63),
            (0.67, 0.73), (0.58, 0.81), (0.5, 0.835), (0.42, 0.81), (0.33, 0.73), (0.23, 0.63),
            (0.13, 0.56), (0.17, 0.43), (0.24, 0.3), (0.37, 0.225),
        ),
        orange,
    )  # fmt: skip
    canvas.shade(head, ellipse(0.5, 0.24, 0.2, 0.07), (244, 160, 92), soft=0.04, share=0.8)
    for cheek in both(
        smooth(
            (0.1, 0.56),
            (0.26, 0.5),
            (0.38, 0.53),
            (0.47, 0.6),
            (0.5, 0.7),
            (0.5, 0.9),
            (0.3, 0.86),
            (0.12, 0.7),
        )
    ):
        canvas.shade(head, cheek, cream, soft=0.008, share=1)
    for shadow in both(ellipse(0.2, 0.66, 0.12, 0.06, 40)):
        canvas.shade(head, shadow, (226, 200, 176), soft=0.025, share=0.8)
    canvas.shade(head, ellipse(0.5, 0.86, 0.12, 0.06), (214, 186, 164), soft=0.02, share=0.9)
    muzzle = canvas.fill(
        smooth(
            (0.5, 0.5), (0.56, 0.53), (0.6, 0.6), (0.61, 0.68), (0.5, 0.735), (0.39, 0.68), (0.4, 0.6), (0.44, 0.53)
        ),
        (255, 247, 234), soft=0.012,
    )  # fmt: skip
    canvas.shade(muzzle, ellipse(0.5, 0.52, 0.035, 0.1), orange, soft=0.02, share=0.55)
    for blush in both(ellipse(0.27, 0.615, 0.05, 0.032)):
        canvas.shade(head, blush, (246, 160, 140), soft=0.018, share=0.75)
    for eye, iris, pupil, shine in zip(
        both(ellipse(0.35, 0.455, 0.062, 0.058)),
        both(ellipse(0.356, 0.458, 0.04, 0.042)),
        both(ellipse(0.357, 0.458, 0.022, 0.025)),
        (ellipse(0.344, 0.442, 0.011, 0.012), ellipse(0.632, 0.442, 0.011, 0.012)),
        strict=True,
    ):
        canvas.fill(np.asarray((eye - eye.mean(axis=0)) * 1.13 + eye.mean(axis=0)), ink)
        white = canvas.fill(eye, (254, 252, 246))
        canvas.paint(canvas.mask(iris) * white, (96, 142, 64))
        canvas.paint(canvas.mask(pupil) * white, (24, 20, 22))
        canvas.fill(shine, (255, 255, 255))
    for brow in both(smooth((0.265, 0.36), (0.32, 0.328), (0.4, 0.345), closed=False)):
        canvas.line(brow, 0.017, dark)
    canvas.fill(
        smooth(
            (0.5, 0.555), (0.545, 0.56), (0.55, 0.58), (0.52, 0.605), (0.5, 0.613), (0.48, 0.605), (0.45, 0.58),
            (0.455, 0.56),
        ),
        ink,
    )  # fmt: skip
    canvas.fill(ellipse(0.488, 0.569, 0.018, 0.007), (150, 126, 122), soft=0.004)
    canvas.line(np.array([[0.5, 0.613], [0.5, 0.668]]), 0.007, ink)
    canvas.line(
        smooth((0.395, 0.638), (0.44, 0.662), (0.5, 0.671), (0.56, 0.662), (0.605, 0.638), closed=False),
        0.008, ink,
    )  # fmt: skip
    scarf = canvas.fill(
        smooth(
            (0.29, 0.83), (0.4, 0.875), (0.5, 0.885), (0.6, 0.875), (0.71, 0.83), (0.74, 0.89), (0.62, 0.955),
            (0.5, 0.968), (0.38, 0.955), (0.26, 0.89),
        ),
        (38, 104, 128),
    )  # fmt: skip
    canvas.shade(scarf, ellipse(0.5, 0.975, 0.26, 0.035), (18, 66, 88), soft=0.015, share=0.8)
    canvas.fill(smooth((0.6, 0.92), (0.67, 0.9), (0.72, 1.05), (0.6, 1.05)), (46, 120, 144))
    points = _symmetric(
        eye_outer=(0.288, 0.456), eye_inner=(0.412, 0.456), eye_upper=(0.35, 0.397), eye_lower=(0.35, 0.513),
        pupil=(0.357, 0.458), brow_outer=(0.265, 0.36), brow_middle=(0.325, 0.328), brow_inner=(0.4, 0.345),
        nostril=(0.452, 0.585), mouth=(0.395, 0.638), temple=(0.24, 0.315), cheek=(0.17, 0.5), jaw=(0.31, 0.7),
    )  # fmt: skip
    points |= {
        "nose_tip": (0.5, 0.577), "lip_top": (0.5, 0.648), "lip_upper": (0.5, 0.671), "lip_lower": (0.5, 0.671),
        "lip_bottom": (0.5, 0.7), "chin": (0.5, 0.8), "forehead": (0.5, 0.25),
    }  # fmt: skip
    return canvas.picture(), _in_pixels(points)


def _symmetric(**right: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Points on the face's right, and their counterparts on its left."""
    points = {}
    for name, (x, y) in right.items():
        mine, other = ("mouth_right", "mouth_left") if name == "mouth" else (f"right_{name}", f"left_{name}")
        points[mine], points[other] = (x, y), (1 - x, y)
    return points


def _in_pixels(points: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {name: (round(x * SIDE, 1), round(y * SIDE, 1)) for name, (x, y) in points.items()}


#: name → picture and points.
DRAWINGS: dict[str, Callable[[], tuple[Frame, dict[str, tuple[float, float]]]]] = {"fox": fox}


def write(folder: Path) -> list[Path]:
    """Save every drawing as PNG with its annotation beside it; the pictures' paths."""
    from PIL import Image

    from fomm.annotation import Annotation, write_annotation

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw in DRAWINGS.items():
        pixels, points = draw()
        path = folder / f"{name}.png"
        Image.fromarray(pixels).save(path, optimize=True)
        write_annotation(path, Annotation((SIDE, SIDE), points))
        written.append(path)
    return written


if __name__ == "__main__":
    import sys

    for drawn in write(Path(sys.argv[1])):
        print(drawn)
