"""The window's colours and measures."""

from __future__ import annotations

from dataclasses import dataclass

from live.window.panels import Colour
from live.window.view import Tone

BACKGROUND: Colour = (24, 26, 30)
SCRIM: Colour = (14, 16, 20)
#: How much of the picture a panel with text covers: white stays legible over white.
SCRIM_OPACITY = 0.72
FAINT: Colour = (160, 166, 176)
ACCENT: Colour = (92, 200, 255)

TONES: dict[Tone, Colour] = {
    "plain": (255, 255, 255),
    "good": (112, 220, 132),
    "attention": (255, 200, 70),
    "alarm": (255, 92, 84),
}

#: Type is this share of the window's height, within these limits in pixels.
_TYPE, _SMALLEST, _LARGEST = 1 / 34, 12, 30


@dataclass(frozen=True)
class Measures:
    """What grows with the window, in pixels.

    Attributes:
        text: height of the type.
        gap: between things, and from the edges.
        stroke: width of lines drawn over pictures.
    """

    text: int
    gap: int
    stroke: int

    @staticmethod
    def of(height: int) -> Measures:
        """For a window of that height."""
        text = min(max(_SMALLEST, round(height * _TYPE)), _LARGEST)
        return Measures(text, max(4, round(0.5 * text)), max(1, round(text / 9)))
