"""The privacy card: what others see while the user wants to be left alone."""

from __future__ import annotations

import cv2
import numpy as np

from live.frames import OutputFrame

#: Side of the colour fields that the portrait is reduced to, as a share of the output: no face is left in them.
_FIELDS = 8

_DIMMED = 0.6


def privacy_card(rest: OutputFrame, text: str) -> OutputFrame:
    """A card in the avatar's own colours, with a line of text.

    Args:
        rest: `(H, W, 3)` uint8 RGB, the output frame of the neutral portrait.
        text: "" for none.
    """
    height, width = rest.shape[:2]
    fields = cv2.resize(rest, (_FIELDS, _FIELDS), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(fields, (0, 0), 1.5)
    card = cv2.resize(
        cv2.convertScaleAbs(soft, alpha=_DIMMED), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return OutputFrame(_written(np.asarray(card, np.uint8), text))


def _written(card: np.ndarray, text: str) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    height, width = card.shape[:2]
    picture = Image.fromarray(card)
    draw = ImageDraw.Draw(picture)
    size = min(height, width) / 9
    font = ImageFont.load_default(size)
    too_wide = draw.textlength(text, font) / (0.9 * width)
    if too_wide > 1:
        font = ImageFont.load_default(size / too_wide)
    draw.text((width / 2, height / 2), text, (235, 235, 235), font, anchor="mm")
    return np.ascontiguousarray(picture)
