"""Fitting the avatar's frame into the output frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import ConfigError
from live.frames import OutputFrame

#: How an avatar of another shape fills the output: beside it a blurred copy of the portrait, black bars, or
#: nothing, because the portrait is cropped around the face.
Fit = Literal["blur", "pad", "fill"]
FITS: tuple[Fit, ...] = get_args(Fit)

#: Left, top, width, height in pixels.
Box = tuple[int, int, int, int]

_DIMMED = 0.6


@dataclass(frozen=True)
class View:
    """Zoom and shift of what is shown.

    Attributes:
        zoom: over 1 is larger, about the output's middle.
        right, down: in widths and heights of the output.
    """

    zoom: float = 1.0
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True, eq=False)
class Layout:
    """Where an avatar's frame goes in the output; made once per avatar.

    Attributes:
        size: `(width, height)` of the output.
        crop: the part of the avatar's frame that is shown.
        place: where it is shown.
        backdrop: `(H, W, 3)` what surrounds it; None where nothing does.
    """

    size: tuple[int, int]
    crop: Box
    place: Box
    backdrop: Frame | None

    def compose(self, frame: Frame, *, mirror: bool = False) -> OutputFrame:
        """The output frame, `(H, W, 3)` uint8 RGB, C-contiguous.

        A frame that fits as it is comes back itself, not a copy. Only an animator's output or a neutral
        portrait may be passed: what is returned goes to the sinks.
        """
        left, top, width, height = self.crop
        shown = frame[top : top + height, left : left + width]
        if (width, height) != self.place[2:]:
            shown = _resize(shown, self.place[2:])
        if self.backdrop is not None:
            left, top, width, height = self.place
            output = self.backdrop.copy()
            output[top : top + height, left : left + width] = shown
            shown = output
        if mirror:
            shown = np.asarray(cv2.flip(shown, 1), np.uint8)
        return OutputFrame(np.ascontiguousarray(shown))

    def viewed(self, view: View, portrait: Frame, fit: Fit) -> Layout:
        """The same, zoomed and shifted: itself where neither is asked for. At least a pixel stays in sight.

        Args:
            view: how.
            portrait: as in `lay_out`; around it, when it becomes smaller than the output, is what `fit` has there.
            fit: likewise.
        """
        if view == View():
            return self
        spans = [
            _visible(view.zoom, shift, whole, self.crop[axis::2], self.place[axis::2], self.size[axis])
            for axis, (shift, whole) in enumerate(
                [(view.right, portrait.shape[1]), (view.down, portrait.shape[0])]
            )
        ]
        (left, width, x, across), (top, height, y, down) = spans
        backdrop = None
        if (across, down) != self.size:
            backdrop = self.backdrop if self.backdrop is not None else _surround(portrait, self.size, fit)
        return Layout(self.size, (left, top, width, height), (x, y, across, down), backdrop)


def lay_out(
    portrait: Frame,
    size: tuple[int, int],
    fit: Fit = "blur",
    *,
    face: tuple[float, float, float, float] | None = None,
) -> Layout:
    """Place a portrait of any shape in an output of `size` `(width, height)`.

    Args:
        portrait: `(h, w, 3)` uint8 RGB, the avatar at rest; every frame to be composed has its shape.
        face: left, top, right, bottom of the face, for "fill"; None guesses that it is above the middle.
    """
    height, width = portrait.shape[:2]
    if fit == "fill":
        return Layout(size, _crop_around(face, (width, height), size), (0, 0, *size), None)
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], round(width * scale)), min(size[1], round(height * scale)))
    place = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2, *inner)
    backdrop = None
    if inner != size:
        backdrop = _surround(portrait, size, fit)
    return Layout(size, (0, 0, width, height), place, backdrop)


def real_face(pixels: Frame, size: tuple[int, int], *, mirror: bool) -> OutputFrame:
    """The driver's own picture, cropped to an output of `size` `(width, height)`.

    The only way by which it can reach a sink: for `live.session.modes` alone, after the user has confirmed it.
    """
    height, width = pixels.shape[:2]
    middle = (0.0, 0.0, float(width), float(height))
    return OutputFrame(lay_out(pixels, size, "fill", face=middle).compose(pixels, mirror=mirror).copy())


def fitted(frame: OutputFrame, size: tuple[int, int]) -> OutputFrame:
    """The whole frame in the middle of a black one of `size` `(width, height)`; itself where it has that size."""
    height, width = frame.shape[:2]
    if (width, height) == size:
        return frame
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    whole = np.zeros((size[1], size[0], 3), np.uint8)
    whole[top : top + inner[1], left : left + inner[0]] = _resize(frame, inner)
    return OutputFrame(whole)


def shown_scale(picture: tuple[int, int], size: tuple[int, int], fit: Fit) -> float:
    """How much a picture of that `(width, height)` is scaled to be shown in an output of `size`."""
    choose = max if fit == "fill" else min
    return choose(size[0] / picture[0], size[1] / picture[1])


def parse_size(text: str) -> tuple[int, int]:
    """`--size`'s value, "1280x720", as `(width, height)`.

    Raises:
        ConfigError: another form, or out of range.
    """
    width, _, height = text.lower().partition("x")
    if width.isdecimal() and height.isdecimal():
        size = (int(width), int(height))
        if all(64 <= side <= 4096 for side in size):
            return size
    raise ConfigError(f'"{text}" is no output size; write WIDTHxHEIGHT, 64 to 4096 each, such as 1280x720')


def _crop_around(
    face: tuple[float, float, float, float] | None, picture: tuple[int, int], size: tuple[int, int]
) -> Box:
    """The largest part of the picture with the output's shape, as near around the face as it goes."""
    scale = max(size[0] / picture[0], size[1] / picture[1])
    width = min(picture[0], round(size[0] / scale))
    height = min(picture[1], round(size[1] / scale))
    if face is None:
        face = (0.4 * picture[0], 0.25 * picture[1], 0.6 * picture[0], 0.55 * picture[1])
    left = round((face[0] + face[2] - width) / 2)
    top = round((face[1] + face[3] - height) / 2)
    return min(max(0, left), picture[0] - width), min(max(0, top), picture[1] - height), width, height


def _visible(
    zoom: float, shift: float, whole: int, crop: Sequence[int], place: Sequence[int], output: int
) -> tuple[int, int, int, int]:
    """Along one axis, what of a frame is in sight and where: first pixel, pixels, place in the output, length there.

    Args:
        zoom, shift: of the view.
        whole: pixels of the frame.
        crop, place: first pixel and length of what was shown, in the frame and in the output.
        output: its length.
    """
    scale = zoom * place[1] / crop[1]
    # On whole pixels: a frame that is only shifted is not resampled, and stays sharp.
    start = round(output / 2 + zoom * (place[0] - output / 2) + shift * output - scale * crop[0])
    first = min(max(0, math.floor(-start / scale)), whole - 1)
    last = max(first + 1, min(whole, math.ceil((output - start) / scale)))
    near = min(max(0, round(start + scale * first)), output - 1)
    far = max(near + 1, min(output, round(start + scale * last)))
    return first, last - first, near, far - near


def _surround(portrait: Frame, size: tuple[int, int], fit: Fit) -> Frame:
    """What is beside a portrait that does not fill the output."""
    return np.zeros((size[1], size[0], 3), np.uint8) if fit == "pad" else _blurred(portrait, size)


def _blurred(portrait: Frame, size: tuple[int, int]) -> Frame:
    """The portrait's middle, filling the output, out of focus and dimmed."""
    small = (max(8, size[0] // 8), max(8, size[1] // 8))
    height, width = portrait.shape[:2]
    left, top, width, height = _crop_around((0, 0, width, height), (width, height), small)
    covering = cv2.resize(
        portrait[top : top + height, left : left + width], small, interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(covering, (0, 0), max(small) / 40)
    return np.asarray(
        cv2.resize(cv2.convertScaleAbs(soft, alpha=_DIMMED), size, interpolation=cv2.INTER_CUBIC), np.uint8
    )


def _resize(frame: Frame, size: tuple[int, ...]) -> Frame:
    shrinks = size[0] < frame.shape[1]
    return np.asarray(
        cv2.resize(frame, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )
