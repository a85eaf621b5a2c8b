"""Small pictures with an alpha channel, made once and laid over frame after frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from fomm.animators.base import Frame

#: `(red, green, blue)`, 0 to 255.
Colour = tuple[int, int, int]

#: Shapes are drawn this much larger and scaled down, which smooths their edges.
_OVERSAMPLED = 4


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture to be laid over others, ready for it.

    Attributes:
        colours: `(H, W, 3)` uint8 RGB, multiplied by the alpha channel.
        behind: `(H, W, 3)` uint8, 255 minus the alpha channel: how much shows through.
    """

    colours: Frame
    behind: Frame

    @staticmethod
    def of(picture: Image.Image) -> Panel:
        """A panel that looks like an RGBA picture."""
        pixels = np.asarray(picture.convert("RGBA"), np.uint16)
        alpha = pixels[..., 3:]
        colours = ((pixels[..., :3] * alpha + 127) // 255).astype(np.uint8)
        behind = np.repeat((255 - alpha).astype(np.uint8), 3, axis=2)
        return Panel(np.ascontiguousarray(colours), np.ascontiguousarray(behind))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.colours.shape[:2]
        return width, height

    def paste(self, canvas: Frame, left: int, top: int) -> None:
        """Lay it over `canvas`, its upper left corner at this pixel; what lies beyond the canvas is cut off."""
        height, width = canvas.shape[:2]
        rows = slice(max(0, -top), min(self.colours.shape[0], height - top))
        columns = slice(max(0, -left), min(self.colours.shape[1], width - left))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        under = canvas[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
        dimmed = cv2.multiply(under, self.behind[rows, columns], scale=1 / 255)
        under[...] = cv2.add(dimmed, self.colours[rows, columns])


def rounded(size: tuple[int, int], radius: float, colour: Colour, opacity: float = 1.0) -> Image.Image:
    """An RGBA rectangle of `(width, height)` with round corners."""
    width, height = (max(1, side) for side in size)
    mask = Image.new("L", (width * _OVERSAMPLED, height * _OVERSAMPLED))
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, mask.width - 1, mask.height - 1), radius * _OVERSAMPLED, fill=round(255 * opacity)
    )
    picture = Image.new("RGBA", (width, height), (*colour, 0))
    picture.putalpha(mask.resize((width, height), Image.Resampling.BOX))
    return picture


def framed(size: tuple[int, int], radius: float, width: int, colour: Colour) -> Image.Image:
    """An RGBA outline, `width` pixels wide, of a rectangle with round corners."""
    mask = Image.new("L", (size[0] * _OVERSAMPLED, size[1] * _OVERSAMPLED))
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, mask.width - 1, mask.height - 1),
        radius * _OVERSAMPLED,
        outline=255,
        width=width * _OVERSAMPLED,
    )
    picture = Image.new("RGBA", size, (*colour, 0))
    picture.putalpha(mask.resize(size, Image.Resampling.BOX))
    return picture
