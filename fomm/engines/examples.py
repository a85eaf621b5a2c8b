"""Pictures that engines are tried on: what quantization is calibrated with, and what engines are compared on.

Real people, moving: the bundled avatars, driven by the bundled clip. A model of something else than faces is tried on
them too, since it is the statistics of pictures that count.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

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
    from fomm.images import load_image
    from fomm.video import VideoReader

    avatars = [_square(load_image(path).pixels, size) for path in sorted(resources.AVATARS.glob("*.jpg"))]
    frames: list[Frame] = []
    with VideoReader(resources.CLIPS / "talking_head.mp4") as clip:
        for place, (pixels, _) in enumerate(clip):
            if place % _APART == 0:
                frames.append(_square(pixels, size))
                if len(frames) > count:
                    break
    neutral, *driving = frames
    return tuple(
        Example(avatars[index % len(avatars)], neutral, frame) for index, frame in enumerate(driving)
    )


def _square(pixels: Frame, size: tuple[int, int]) -> Frame:
    """The middle of a picture, at this size."""
    side = min(pixels.shape[:2])
    top, left = ((extent - side) // 2 for extent in pixels.shape[:2])
    part = pixels[top : top + side, left : left + side]
    resized = cv2.resize(part, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(resized, np.uint8)
