"""Softly blurred rooms to stand in front of, painted with numpy."""

from __future__ import annotations

import cv2
import numpy as np

from fomm.synthetic.arrays import Array

Colour = tuple[float, float, float]


def studio(
    size: int = 512, *, centre: Colour = (0.55, 0.60, 0.64), edge: Colour = (0.24, 0.28, 0.33)
) -> Array:
    """A wall lit by one soft lamp: a round gradient with a trace of plaster. `(size, size, 3)` uint8 RGB."""
    y, x = np.mgrid[0:size, 0:size] / size
    far = np.clip(np.hypot((x - 0.42) * 1.0, (y - 0.36) * 0.9) / 0.75, 0, 1)[..., None]
    glow = 1 - far * far * (3 - 2 * far)
    picture = np.array(edge) * (1 - glow) + np.array(centre) * glow
    return _eight_bits(picture)


def window(size: int = 768) -> Array:
    """A room by a window with panes, out of focus. `(size, size, 3)` uint8 RGB."""
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = (0.70, 0.63, 0.54)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    picture *= (1.02 - 0.35 * x - 0.12 * y)[..., None]

    def box(left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        picture[round(top * size) : round(bottom * size), round(left * size) : round(right * size)] = colour

    garden = _clouds(size, 9, (0.62, 0.76, 0.86), (0.46, 0.60, 0.40), y)
    frame: Colour = (0.90, 0.88, 0.84)
    box(0.04, -0.0, 0.60, 0.66, frame)
    for left, right in ((0.07, 0.31), (0.34, 0.57)):
        for top, bottom in ((0.0, 0.29), (0.32, 0.62)):
            rows, columns = (
                slice(round(top * size), round(bottom * size)),
                slice(round(left * size), round(right * size)),
            )
            picture[rows, columns] = garden[rows, columns]
    box(0.0, 0.66, 0.64, 0.70, (0.82, 0.78, 0.72))
    box(0.0, 0.70, 0.64, 0.715, (0.42, 0.37, 0.32))
    box(0.74, 0.10, 0.96, 0.42, (0.32, 0.24, 0.18))
    box(0.76, 0.12, 0.94, 0.40, (0.78, 0.74, 0.66))
    box(0.79, 0.24, 0.91, 0.36, (0.50, 0.60, 0.64))
    box(0.79, 0.30, 0.91, 0.36, (0.44, 0.50, 0.36))
    return _eight_bits(cv2.GaussianBlur(picture, (0, 0), size / 190))


def shelves(size: int = 768, seed: int = 3) -> Array:
    """Bookshelves, out of focus. `(size, size, 3)` uint8 RGB."""
    rng = np.random.default_rng(seed)
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = (0.16, 0.12, 0.10)
    covers = [(0.45, 0.16, 0.13), (0.16, 0.24, 0.34), (0.52, 0.44, 0.30), (0.20, 0.30, 0.22), (0.58, 0.54, 0.48),
              (0.30, 0.20, 0.28), (0.62, 0.40, 0.20), (0.24, 0.23, 0.24)]  # fmt: skip
    for shelf in range(4):
        floor = 0.24 + 0.27 * shelf
        left = -0.01
        while left < 1.0:
            width, height = rng.uniform(0.016, 0.042), rng.uniform(0.15, 0.215)
            if rng.random() > 0.07:
                colour = np.array(covers[rng.integers(len(covers))]) * rng.uniform(0.55, 0.95)
                rows = slice(max(round((floor - height) * size), 0), min(round(floor * size), size))
                columns = slice(max(round(left * size), 0), min(round((left + width) * size), size))
                across = np.linspace(-1, 1, columns.stop - columns.start)[None, :, None]
                picture[rows, columns] = colour * (1.05 - 0.4 * across**2)  # a round spine
                if rng.random() < 0.6:
                    band = slice(round((floor - height * 0.8) * size), round((floor - height * 0.74) * size))
                    picture[max(band.start, 0) : max(band.stop, 0), columns] *= 1.6
            left += width + 0.002
        picture[round(floor * size) : round((floor + 0.022) * size)] = (0.46, 0.31, 0.20)
        picture[round((floor + 0.022) * size) : round((floor + 0.034) * size)] *= 0.55
    x = np.linspace(0, 1, size)[None, :, None]
    return _eight_bits(cv2.GaussianBlur(picture * (1.1 - 0.45 * x), (0, 0), size / 110))


def _clouds(size: int, cells: int, top: Colour, bottom: Colour, y: Array) -> Array:
    rng = np.random.default_rng(5)
    noise = cv2.resize(
        rng.uniform(0, 1, (cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    noise = cv2.GaussianBlur(noise, (0, 0), size / 60)
    horizon = np.clip((y - 0.36 + 0.12 * (noise - 0.5)) / 0.06, 0, 1)[..., None]
    return (np.array(top) * (1 - horizon) + np.array(bottom) * horizon) * (0.85 + 0.3 * noise[..., None])


def _eight_bits(picture: Array) -> Array:
    # Dithered, so that slow gradients show no bands.
    dither = np.random.default_rng(2).uniform(-0.5, 0.5, picture.shape)
    return np.clip(np.round(picture * 255 + dither), 0, 255).astype(np.uint8)
