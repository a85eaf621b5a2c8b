"""What makes a rendered picture look as if a camera, or a painter, had made it; and what stands behind people.

Everything here is numpy and OpenCV on pictures `(H, W, 3)` float32 RGB in [0, 1], and settled by the generators
given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from fomm.synthetic.arrays import Array


@dataclass(frozen=True)
class Look:
    """How the pictures of one person were taken; all of them alike.

    Attributes:
        grey: without colour.
        cast: `(3,)` gain of each channel.
        gamma: exponent of the tone curve.
        blur: of the lens, pixels of sigma.
        grain: of film, standard deviation.
        noise: of a sensor, standard deviation, each channel by itself.
        jpeg: quality of the compression; None for none.
        vignette: darkening of the corners, 0 to 1.
        painted: strength of brush strokes, 0 for a photograph.
    """

    grey: bool = False
    cast: tuple[float, float, float] = (1, 1, 1)
    gamma: float = 1
    blur: float = 0
    grain: float = 0
    noise: float = 0
    jpeg: int | None = None
    vignette: float = 0
    painted: float = 0

    @staticmethod
    def draw(rng: np.random.Generator, size: int) -> Look:
        """A look; lengths are for pictures of `size` pixels."""

        def sometimes(chance: float, low: float, high: float) -> float:
            value = rng.uniform(low, high)
            return float(value) if rng.random() < chance else 0.0

        red, green, blue = rng.uniform(0.86, 1.12, 3)
        return Look(
            grey=bool(rng.random() < 0.12),
            cast=(float(red), float(green), float(blue)),
            gamma=float(rng.uniform(0.8, 1.25)),
            blur=sometimes(0.5, 0.2, 1.1) * size / 256,
            grain=sometimes(0.3, 0.01, 0.05),
            noise=sometimes(0.5, 0.004, 0.03),
            jpeg=int(rng.integers(35, 96)) if rng.random() < 0.6 else None,
            vignette=sometimes(0.25, 0.1, 0.5),
            painted=sometimes(0.08, 0.5, 1.0),
        )

    def apply(self, picture: Array, rng: np.random.Generator) -> Array:
        """A picture as this camera took it, `(H, W, 3)` uint8; grain and noise are the frame's own."""
        height, width = picture.shape[:2]
        out = np.clip(picture * np.array(self.cast, np.float32), 0, 1) ** np.float32(self.gamma)
        if self.painted:
            strokes = cv2.edgePreservingFilter(_eight_bits(out), flags=1, sigma_s=12, sigma_r=0.35)
            out += np.float32(self.painted) * (strokes.astype(np.float32) / 255 - out)
        if self.blur:
            out = cv2.GaussianBlur(out, (0, 0), self.blur)
        if self.vignette:
            x = np.linspace(-1, 1, width, dtype=np.float32)[None] ** 2
            y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
            out = out * (1 - np.float32(self.vignette / 2) * (x + y))[..., None]
        if self.grey:
            out = np.repeat((out @ np.array([0.3, 0.59, 0.11], np.float32))[..., None], 3, axis=-1)
        if self.grain:
            coarse = rng.normal(0, self.grain, (height, width)).astype(np.float32)
            out = out + 1.6 * cv2.GaussianBlur(coarse, (0, 0), 0.7)[..., None]
        if self.noise:
            out = out + rng.normal(0, self.noise, out.shape).astype(np.float32)
        pixels = _eight_bits(out)
        if self.jpeg is None:
            return pixels
        _, packed = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
        unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        assert unpacked is not None
        return np.ascontiguousarray(unpacked[..., ::-1])


def backdrop(rng: np.random.Generator, size: int) -> Array:
    """What stands behind a person: `(size, size, 3)` float32 RGB in [0, 1], sharp or out of focus."""
    kinds: list[Callable[[np.random.Generator, int], Array]] = [
        _wall,
        _gradient,
        _clouds,
        _boxes,
        _boxes,
        _panels,
    ]
    picture = kinds[int(rng.integers(len(kinds)))](rng, size)
    if rng.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), size * rng.uniform(0.002, 0.03))
    # Walls have a grain of their own, which moves where a warp moves it.
    if rng.random() < 0.4:
        grain = rng.normal(0, rng.uniform(0.005, 0.03), (size, size, 1))
        picture = picture + cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.clip(picture, 0, 1).astype(np.float32)


def _colour(rng: np.random.Generator) -> Array:
    """Muted more often than not, as rooms are."""
    grey = rng.uniform(0.05, 0.95)
    return np.clip(grey + rng.normal(0, 0.08 if rng.random() < 0.7 else 0.25, 3), 0, 1).astype(np.float32)


def _wall(rng: np.random.Generator, size: int) -> Array:
    return np.ones((size, size, 3), np.float32) * _colour(rng)


def _gradient(rng: np.random.Generator, size: int) -> Array:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    share = np.clip(0.5 + np.cos(angle) * x + np.sin(angle) * y, 0, 1)[..., None]
    return np.asarray(_colour(rng) * (1 - share) + _colour(rng) * share)


def _clouds(rng: np.random.Generator, size: int) -> Array:
    cells = int(rng.integers(3, 12))
    small = np.stack([_colour(rng) for _ in range(cells * cells)]).reshape(cells, cells, 3)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC))


def _boxes(rng: np.random.Generator, size: int) -> Array:
    """A room: a wall with upright boxes, frames and lines, their edges hard."""
    picture = _gradient(rng, size)
    for _ in range(int(rng.integers(3, 28))):
        left, top = (rng.uniform(-0.2, 1, 2) * size).astype(int).tolist()
        width, height = (rng.uniform(0.03, 0.5, 2) ** 1.5 * size).astype(int).tolist()
        thick = -1 if rng.random() < 0.75 else max(1, size // 100)
        place = (left, top), (left + width + 2, top + height + 2)
        cv2.rectangle(picture, *place, _colour(rng).tolist(), thick, cv2.LINE_AA)
    return picture


def _panels(rng: np.random.Generator, size: int) -> Array:
    """Stripes at some angle: curtains, shelves, blinds."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(8, 80))
    share = (np.clip(wave * rng.uniform(1, 20), -1, 1) / 2 + 0.5)[..., None]
    return np.asarray(_colour(rng) * (1 - share) + _colour(rng) * share)


def _eight_bits(picture: Array) -> Array:
    return np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)
