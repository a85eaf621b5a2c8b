"""Softly blurred rooms to stand in front of, painted with numpy."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Colour = tuple[float, float, float]


def studio(
    size: int = 512, *, centre: Colour = (0.55, 0.60, 0.64), edge: Colour = (0.24, 0.28, 0.33)
) -> Array:
    """A wall lit by one soft lamp: a round gradient with a trace of plaster. `(size, size, 3)` uint8 RGB."""
    y, x = np.mgrid[0:size, 0:size] / size
    far = np.clip(np.hypot((x - 0.42) * 1.0, (y - 0.36) * 0.9) / 0.75, 0, 1)[..., None]
    glow = 1 - far * far * (3 - 2 * far)
    picture = np.array(edge) * (1 - glow) + np.array(centre) * glow
    plaster = np.random.default_rng(1).normal(size=(size, size, 1)).astype(np.float32)
    plaster = cv2.GaussianBlur(plaster, (0, 0), size / 40)[..., None]
    picture = picture * (1 + 0.25 * plaster / max(float(np.abs(plaster).max()), 1e-6) * 0.3)
    # Dither, so that the slow gradient does not show bands.
    picture = picture * 255 + np.random.default_rng(2).uniform(-0.5, 0.5, picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
