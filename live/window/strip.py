"""The gallery as a row of thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from live.gallery import Thumbnail
from live.window.panels import Panel, framed, rounded
from live.window.style import ACCENT, FAINT, SCRIM, SCRIM_OPACITY, TONES, Measures
from live.window.text import line, line_height, shortened, width_of

#: What of a thumbnail's light is left before its avatar is ready, and where it cannot be used.
_DIMMED = {"waiting": 0.55, "still": 1.0, "preparing": 0.55, "ready": 1.0, "unusable": 0.3}


class Strip:
    """Draws the row, and keeps it until something in it changes."""

    def __init__(self) -> None:
        self._key: object = None
        self._panel: Panel | None = None

    def panel(self, thumbnails: Sequence[Thumbnail], measures: Measures, width: int) -> Panel:
        """The row and a line of words below it, `width` pixels wide.

        Where not all fit, those around the current one are shown.
        """
        key = (width, measures, tuple(map(_facts, thumbnails)))
        if self._panel is None or key != self._key:
            self._key, self._panel = key, Panel.of(_draw(thumbnails, measures, width))
        return self._panel


def height_of(measures: Measures) -> int:
    """How high the strip is, in pixels."""
    return _side(measures) + line_height(measures.text) + 3 * measures.gap


def _side(measures: Measures) -> int:
    return 4 * measures.text


def _facts(thumbnail: Thumbnail) -> tuple[object, ...]:
    """What a thumbnail's looks depend on."""
    return (
        thumbnail.name,
        thumbnail.number,
        id(thumbnail.pixels),
        thumbnail.state,
        thumbnail.reason,
        thumbnail.current,
    )


def _draw(thumbnails: Sequence[Thumbnail], measures: Measures, width: int) -> Image.Image:
    side, gap = _side(measures), measures.gap
    picture = Image.new("RGBA", (width, height_of(measures)), (*SCRIM, 255))
    current = next((place for place, shown in enumerate(thumbnails) if shown.current), 0)
    room = max(1, (width - gap) // (side + gap))
    first = min(max(0, current - room // 2), max(0, len(thumbnails) - room))
    shown = thumbnails[first : first + room]
    left = (width - len(shown) * (side + gap) + gap) // 2
    for thumbnail in shown:
        picture.alpha_composite(_card(thumbnail, side, measures), (left, gap))
        left += side + gap
    _caption(picture, thumbnails, thumbnails[current], measures)
    return picture


def _card(thumbnail: Thumbnail, side: int, measures: Measures) -> Image.Image:
    radius = 0.12 * side
    card = rounded((side, side), radius, (48, 52, 60))
    if thumbnail.pixels is not None:
        size = (side, side)
        pixels = cv2.resize(thumbnail.pixels, size, interpolation=cv2.INTER_AREA)
        dimmed = cv2.convertScaleAbs(pixels, alpha=_DIMMED[thumbnail.state])
        face = Image.fromarray(np.asarray(dimmed, np.uint8)).convert("RGBA")
        face.putalpha(card.getchannel("A"))
        card.alpha_composite(face)
    small = max(9, round(0.8 * measures.text))
    if thumbnail.state == "unusable":
        _cross(card)
    elif thumbnail.state in ("waiting", "preparing"):
        dots = line("…" if thumbnail.state == "preparing" else "", round(1.6 * measures.text))
        card.alpha_composite(dots, ((side - dots.width) // 2, (side - dots.height) // 2))
    if thumbnail.number <= 9:
        badge = line(str(thumbnail.number), small)
        edge = max(badge.height, badge.width) + 2
        card.alpha_composite(rounded((edge, edge), edge / 4, SCRIM, SCRIM_OPACITY), (2, 2))
        card.alpha_composite(badge, (2 + (edge - badge.width) // 2, 2 + (edge - badge.height) // 2))
    if thumbnail.current:
        card.alpha_composite(framed((side, side), radius, max(2, side // 20), ACCENT))
    return card


def _cross(card: Image.Image) -> None:
    """A red cross over what cannot be used."""
    side, scale = card.width, 4
    mask = Image.new("L", (side * scale, side * scale))
    draw = ImageDraw.Draw(mask)
    near, far, width = 0.33 * side * scale, 0.67 * side * scale, max(scale, round(0.06 * side * scale))
    draw.line((near, near, far, far), fill=255, width=width)
    draw.line((near, far, far, near), fill=255, width=width)
    cross = Image.new("RGBA", card.size, (*TONES["alarm"], 0))
    cross.putalpha(mask.resize(card.size, Image.Resampling.BOX))
    card.alpha_composite(cross)


def _caption(
    picture: Image.Image, thumbnails: Sequence[Thumbnail], current: Thumbnail, measures: Measures
) -> None:
    """Below the row: which avatar is shown, and why others cannot be."""
    size, gap = measures.text, measures.gap
    top = picture.height - line_height(size) - gap
    width = picture.width - 2 * gap
    unusable = [thumbnail for thumbnail in thumbnails if thumbnail.state == "unusable"]
    place = f"{current.number}/{len(thumbnails)}"
    waits = "" if current.state in ("ready", "unusable") else ", being prepared"
    room = width if not unusable else 0.45 * width
    name = shortened(current.name, size, room - width_of(f"{place}   {waits}", size))
    left = gap
    for text, colour in ((place, FAINT), (name, TONES["plain"]), (waits, FAINT)):
        if text:
            letters = line(text, size, colour)
            picture.alpha_composite(letters, (left, top))
            left += letters.width + (0 if text == name else gap)
    if unusable:
        more = f" (and {len(unusable) - 1} more)" if len(unusable) > 1 else ""
        reason = f"left out: {unusable[0].reason}"
        room = picture.width - left - 3 * gap - width_of(more, size)
        letters = line(shortened(reason, size, room) + more, size, TONES["attention"])
        picture.alpha_composite(letters, (max(0, picture.width - gap - letters.width), top))
