"""Pictures that engines are tried on: what quantization is calibrated with, and what engines are compared on.

Real people, moving: the bundled avatars, driven by the bundled clip. A model of something else than faces is tried on
them too, since it is the statistics of pictures that count.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fomm import resources
from fomm.animators.base import Frame

#: Of the clip, every how many-th frame is taken.
_APART = 23


@dataclass(frozen=True, eq=False)
class Example:
    """A source and how it is driven: `(H, W, 3)` uint8 each."""

    source: Frame
    neutral: Frame
    driving: Frame


@functools.cache
def examples(size: tuple[int, int], count: int) -> tuple[Example, ...]:
    """Up to `count` examples of `(height, width)` pixels, the same ones every time."""
    avatars = [_square(_read(path), size) for path in sorted(resources.AVATARS.glob("*.jpg"))]
    frames: list[Frame] = []
    # OpenCV reads both, so that engines can be measured where nothing else is installed.
    clip = cv2.VideoCapture(str(resources.CLIPS / "talking_head.mp4"))
    place = 0
    while len(frames) <= count and clip.grab():
        if place % _APART == 0:
            frames.append(_square(_rgb(clip.retrieve()[1]), size))
        place += 1
    clip.release()
    neutral, *driving = frames
    return tuple(
        Example(avatars[index % len(avatars)], neutral, frame) for index, frame in enumerate(driving)
    )


def _read(path: Path) -> Frame:
    # Not imread, which on Windows does not find what has other than Latin letters in its path.
    return _rgb(cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR))


def _rgb(picture: cv2.typing.MatLike | None) -> Frame:
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _square(pixels: Frame, size: tuple[int, int]) -> Frame:
    """The middle of a picture, at this size."""
    side = min(pixels.shape[:2])
    top, left = ((extent - side) // 2 for extent in pixels.shape[:2])
    part = pixels[top : top + side, left : left + side]
    resized = cv2.resize(part, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(resized, np.uint8)
