"""Panels of text: lines over a scrim, pills, the help overlay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image

from live.window.panels import Colour, Panel, rounded
from live.window.style import ACCENT, FAINT, SCRIM, SCRIM_OPACITY, TONES, Measures
from live.window.text import line, line_height, shortened, width_of, wrapped
from live.window.view import Status, Tone

#: A line of text and its colour.
Line = tuple[str, Colour]

#: The help overlay's smallest type, in pixels: below it is no reading.
_SMALLEST_HELP = 9


def status_lines(status: Status) -> tuple[Line, ...]:
    """What the window says about how the session runs, in plain words."""
    # A digit more where it is slow, so that half a frame a second is not none.
    fast = "" if status.fps is None else f": {status.fps:.{0 if status.fps >= 10 else 1}f} FPS"
    lines: list[Line] = [(f"running on {status.device}{fast}", TONES["plain"])]
    details = [status.model]
    if status.engine.lower() != status.device.lower():
        details.append(status.engine)
    if status.latency_ms is not None:
        details.append(f"{status.latency_ms:.0f} ms behind the camera")
    lines.append((" · ".join(details), FAINT))
    return tuple(lines)


@lru_cache(maxsize=64)
def block(lines: tuple[Line, ...], measures: Measures, width: int) -> Panel:
    """Lines of text, one below the other over a scrim; long ones are wrapped at `width` pixels."""
    size, pad = measures.text, measures.gap
    rows = [
        (part, colour)
        for text, colour in lines
        for part in wrapped(text, size, max(4 * size, width - 2 * pad))
    ]
    height = line_height(size)
    inner = max(math.ceil(width_of(text, size)) for text, _ in rows)
    picture = rounded((inner + 2 * pad, height * len(rows) + pad), pad, SCRIM, SCRIM_OPACITY)
    for place, (text, colour) in enumerate(rows):
        picture.alpha_composite(line(text, size, colour), (pad, pad // 2 + place * height))
    return Panel.of(picture)


@lru_cache(maxsize=64)
def pill(text: str, tone: Tone, measures: Measures, width: int, *, dot: bool = False) -> Panel:
    """One line in a capsule no wider than `width` pixels.

    Args:
        tone: colours the text; an alarm is white on red.
        dot: put a red dot before it, as recorders do.
    """
    size, pad = measures.text, measures.gap
    lead = size if dot else 0
    shown = shortened(text, size, max(2 * size, width - 3 * pad - lead))
    alarm = tone == "alarm"
    letters = line(shown, size, (255, 255, 255) if alarm else TONES[tone])
    whole = (letters.width + 3 * pad + lead, letters.height + pad)
    picture = rounded(
        whole, whole[1] / 2, (196, 30, 36) if alarm else SCRIM, 0.94 if alarm else SCRIM_OPACITY
    )
    if dot:
        side = round(0.62 * size)
        bead = rounded((side, side), side / 2, (255, 60, 56))
        picture.alpha_composite(bead, (round(1.3 * pad), (whole[1] - side) // 2))
    picture.alpha_composite(letters, ((3 * pad) // 2 + lead, pad // 2))
    return Panel.of(picture)


@lru_cache(maxsize=4)
def help_overlay(rows: tuple[tuple[str, str], ...], measures: Measures, size: tuple[int, int]) -> Panel:
    """The keys and what they do, as large as fits a window of `(width, height)`."""
    layouts = [
        _HelpLayout(rows, text, columns)
        for text in range(max(measures.text, _SMALLEST_HELP), _SMALLEST_HELP - 1, -1)
        for columns in (1, 2, 3)
    ]
    fitting = (made for made in layouts if made.width <= size[0] and made.height <= size[1])
    return Panel.of(next(fitting, layouts[-1]).draw())


class _HelpLayout:
    """The help overlay in type of one size, in so many columns."""

    def __init__(self, rows: Sequence[tuple[str, str]], text: int, columns: int) -> None:
        self._rows = rows
        self._text = text
        self._pad = text
        self._height = line_height(text) + round(0.3 * text)
        self._tall = math.ceil(len(rows) / columns)
        parts = [rows[first : first + self._tall] for first in range(0, len(rows), self._tall)]
        self._keys = [math.ceil(max(width_of(keys, text) for keys, _ in part)) for part in parts]
        said = [math.ceil(max(width_of(what, text) for _, what in part)) for part in parts]
        #: Where each column begins, and the end of the last.
        self._lefts = [self._pad]
        for keys, what in zip(self._keys, said, strict=True):
            self._lefts.append(self._lefts[-1] + keys + what + 3 * self._pad)
        self.width = self._lefts[-1] - self._pad
        self.height = self._tall * self._height + 2 * self._pad

    def draw(self) -> Image.Image:
        """The whole panel."""
        picture = rounded((self.width, self.height), self._pad, SCRIM, 0.9)
        for place, (keys, what) in enumerate(self._rows):
            column, row = divmod(place, self._tall)
            left, top = self._lefts[column], self._pad + row * self._height
            picture.alpha_composite(line(keys, self._text, ACCENT), (left, top))
            picture.alpha_composite(line(what, self._text), (left + self._keys[column] + self._pad, top))
        return picture
