"""What the driver could do better, in words for the window: "move closer", "face the camera", "too dark"."""

from __future__ import annotations

import math

import numpy as np

from fomm.animators.base import Frame
from fomm.faces import face_box
from live.frames import TrackedFrame
from live.pose import head_turn

#: The face's height as a share of the picture's smaller side: below the first its landmarks tremble, above the second
#: it leaves the picture with every nod.
_FAR, _NEAR = 0.2, 0.8
#: Degrees of turn from which the far side of the face is guessed rather than seen.
_TURNED = 35.0
#: Mean light of the face, or of the whole picture where none is found, 0 to 255: below it cameras give noise.
_DARK, _DARK_ROOM = 45.0, 30.0
#: How far, as a share of its own height, a face may reach beyond the picture: the outline of one near the edge does.
_BEYOND = 0.04
#: A hint must hold for so long, in seconds, before it is given: talking people turn and lean all the time.
_LASTING_S = 0.6
#: Every so many pixels are looked at.
_STRIDE = 8


class Hints:
    """Looks at tracked frames and says what has been amiss for a moment."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._seen: TrackedFrame | None = None
        self._given: tuple[str, ...] = ()

    def of(self, tracked: TrackedFrame) -> tuple[str, ...]:
        """What to tell the driver, the most important first; nothing where all is well.

        Args:
            tracked: the newest frame; the same one may be given again.
        """
        if tracked is self._seen:
            return self._given
        now, found = tracked.captured.timestamp, amiss(tracked)
        self._since = {hint: min(now, self._since.get(hint, now)) for hint in found}
        self._given = tuple(hint for hint in found if now - self._since[hint] >= _LASTING_S)
        self._seen = tracked
        return self._given


def amiss(tracked: TrackedFrame) -> list[str]:
    """What is not as it should be in this frame alone, the most important first."""
    pixels, landmarks = tracked.captured.pixels, tracked.landmarks
    if landmarks is None:
        dark = _light(pixels) < _DARK_ROOM
        return ["no face: too dark, turn on a light" if dark else "no face: look into the camera"]
    height, width = pixels.shape[:2]
    left, top, right, bottom = face_box(landmarks)
    tall = bottom - top
    hints = []
    if tall > _NEAR * min(width, height):
        hints.append("move back a little")
    elif min(left, top, width - right, height - bottom) < -_BEYOND * tall:
        hints.append("move into the picture")
    elif tall < _FAR * min(width, height):
        hints.append("move closer")
    rows = slice(max(0, int(top)), max(1, int(bottom)))
    columns = slice(max(0, int(left)), max(1, int(right)))
    if _light(pixels[rows, columns]) < _DARK:
        hints.append("too dark: turn on a light")
    yaw, pitch, _ = head_turn(landmarks)
    if math.hypot(yaw, pitch) > _TURNED:
        hints.append("face the camera")
    return hints


def _light(pixels: Frame) -> float:
    """The mean luminance, 0 to 255; of no pixels at all, 255."""
    sample = pixels[::_STRIDE, ::_STRIDE]
    return float((sample @ np.array([0.299, 0.587, 0.114])).mean()) if sample.size else 255.0
