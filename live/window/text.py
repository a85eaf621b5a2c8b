"""Text as pictures: Pillow's own typeface, and the system's where a name needs other letters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

from live.window.panels import Colour

#: Pillow's typeface knows ASCII and little more. Names of pictures may be written in anything: these are looked
#: for where the system keeps its typefaces.
_FURTHER = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "msyh.ttc",
    "YuGothM.ttc",
    "malgun.ttf",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "wqy-microhei.ttc",
)

_WHITE: Colour = (255, 255, 255)

Font = ImageFont.FreeTypeFont


@lru_cache(maxsize=512)
def line(text: str, size: int, colour: Colour = _WHITE) -> Image.Image:
    """One line of text as an RGBA picture, as high as `line_height(size)`.

    Args:
        text: letters without a glyph in any typeface here are replaced by their plain form, or "?".
        size: height of the type in pixels.
    """
    base = _font(None, size)
    assert base is not None
    runs = _runs(text, size)
    width = sum(font.getlength(part) for font, part in runs)
    picture = Image.new("RGBA", (max(1, round(width) + 1), line_height(size)), (*colour, 0))
    draw = ImageDraw.Draw(picture)
    left, baseline = 0.0, base.getmetrics()[0]
    for font, part in runs:
        draw.text((left, baseline), part, font=font, fill=(*colour, 255), anchor="ls")
        left += font.getlength(part)
    return picture


def line_height(size: int) -> int:
    """How many pixels a line of type needs, from the highest letter to the lowest."""
    font = _font(None, size)
    assert font is not None
    return sum(font.getmetrics())


def width_of(text: str, size: int) -> float:
    """How wide a line is, in pixels."""
    return sum(font.getlength(part) for font, part in _runs(text, size))


@lru_cache(maxsize=512)
def shortened(text: str, size: int, width: float) -> str:
    """The text, its middle left out where it is wider than `width` pixels: names differ at both ends."""
    if width_of(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        short = f"{text[: (kept + 1) // 2].rstrip()}…{text[len(text) - kept // 2 :].lstrip()}"
        if width_of(short, size) <= width:
            return short
    return "…"


@lru_cache(maxsize=128)
def wrapped(text: str, size: int, width: float) -> tuple[str, ...]:
    """The text in lines no wider than `width` pixels, as far as its words allow."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(shortened(word, size, width))
    return tuple(lines)


def _runs(text: str, size: int) -> list[tuple[Font, str]]:
    """Stretches of text that one typeface can show."""
    letters = [_typeset(letter) for letter in unicodedata.normalize("NFC", text)]
    runs = []
    for name, group in groupby(letters, key=lambda found: found[0]):
        font = _font(name, size)
        assert font is not None
        runs.append((font, "".join(shown for _, shown in group)))
    return runs


@lru_cache(maxsize=4096)
def _typeset(letter: str) -> tuple[str | None, str]:
    """The typeface for a letter (None is Pillow's own), and what it shows."""
    if not letter.isprintable():  # control characters; bytes of a file's name that are no text
        return None, " " if letter.isspace() else "?"
    for name in (None, *_FURTHER):
        if _has(name, letter):
            return name, letter
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if _has(None, part))
    return None, plain or "?"


@lru_cache(maxsize=4096)
def _has(name: str | None, letter: str) -> bool:
    if name is None and letter.isascii():
        return True
    font = _font(name, 16)
    # What a typeface draws in place of a letter that it lacks is what it draws for one that cannot exist.
    return font is not None and bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


@lru_cache(maxsize=256)
def _font(name: str | None, size: int) -> Font | None:
    try:
        font = ImageFont.load_default(size) if name is None else ImageFont.truetype(name, size)
    except OSError:
        return None
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("this Pillow has no FreeType, and so no typeface")
    return font
