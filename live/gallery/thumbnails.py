"""What the window's strip shows of each picture of the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fomm.animators.base import Frame

#: Height and width of a thumbnail, in pixels.
THUMBNAIL_SIDE = 96

#: "waiting": not looked at yet. "still": usable, shown at rest the moment it is chosen, and animated soon after.
#: "preparing": being made ready. "ready": animated from the first frame. "unusable": see the reason.
ThumbnailState = Literal["waiting", "still", "preparing", "ready", "unusable"]


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One picture of the gallery.

    Attributes:
        name: its file's name, without the suffix.
        number: its place, from 1; the keys 1 to 9 choose the first nine.
        pixels: `(96, 96, 3)` uint8 RGB, cut around the face; None where nothing of the picture could be read yet.
        state: how far it is.
        reason: why it cannot be used, one sentence; "" where it can.
        current: whether it is the one that is shown.
    """

    name: str
    number: int
    pixels: Frame | None
    state: ThumbnailState
    reason: str = ""
    current: bool = False
