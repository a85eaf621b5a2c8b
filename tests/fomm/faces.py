"""A real face to test geometry on: the bundled portrait of Eileen Collins, found once per run."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from fomm import resources
from fomm.animators import Landmarks, SourceImage
from fomm.faces import FaceLandmarker
from fomm.images import load_image


@dataclass(frozen=True, eq=False)
class Portrait:
    """A picture and the landmarks of its face."""

    image: SourceImage
    landmarks: Landmarks


@functools.cache
def collins() -> Portrait:
    """Eileen Collins, smiling with parted lips, at most 512 pixels a side."""
    image = load_image(resources.AVATARS / "eileen-collins.jpg", max_side=512)
    with FaceLandmarker(mode="image") as landmarker:
        (landmarks,) = landmarker.detect(image.pixels)
    return Portrait(image, landmarks)
