"""What is drawn over the camera's picture: where the face is, its landmarks, the avatar to line up with."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fomm.animators.base import Frame, Landmarks
from fomm.faces import face_box
from fomm.landmarks import EYES, LIPS, OVAL
from live.window.panels import Colour, Panel
from live.window.style import ACCENT, SCRIM, TONES, Measures
from live.window.view import Ghost, Search

#: `(N, 2)` in pixels of the pane, x first.
Points: TypeAlias = NDArray[np.floating[Any]]

#: Where the ghost's face is: its centre as shares of the pane, its height as a share of the pane's.
_GHOST_AT, _GHOST_HEIGHT = (0.5, 0.5), 0.5
#: How far in from its edges the ghost fades, as a share of its smaller side.
_GHOST_FEATHER = 0.06

#: Lines are drawn on a grid this many bits finer than pixels.
_SHIFT = 4


class Placement:
    """How points of the camera's picture come to lie in its pane.

    Args:
        picture: the picture's `(width, height)`.
        pane: the pane's, of the same shape.
        mirrored: whether the pane is shown as in a mirror.
    """

    def __init__(self, picture: tuple[int, int], pane: tuple[int, int], *, mirrored: bool) -> None:
        self.scale = pane[0] / picture[0], pane[1] / picture[1]
        self.pane = pane
        self.mirrored = mirrored

    def __call__(self, points: Landmarks) -> Points:
        """Landmarks, or other points in pixels of the picture, in pixels of the pane."""
        placed = np.asarray(points[:, :2], np.float64) * self.scale
        if self.mirrored:
            placed[:, 0] = self.pane[0] - placed[:, 0]
        return placed


def draw_face(pane: Frame, landmarks: Landmarks, place: Placement, measures: Measures, *, good: bool) -> None:
    """Corners around the face: green where nothing could be better."""
    left, top, right, bottom = face_box(landmarks)
    box = place(np.array([[left, top], [right, bottom]], np.float32))
    (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
    reach = 0.22 * min(right - left, bottom - top)
    corners = [
        [(x + toward * reach, y), (x, y), (x, y + down * reach)]
        for x, toward in ((left, 1), (right, -1))
        for y, down in ((top, 1), (bottom, -1))
    ]
    _outlined(
        pane, [np.array(corner) for corner in corners], TONES["good" if good else "attention"], measures
    )


def draw_landmarks(pane: Frame, landmarks: Landmarks, place: Placement, measures: Measures) -> None:
    """The outlines of face, eyes and lips, and every landmark as a dot."""
    points = place(landmarks)
    for x, y in np.rint(points).astype(int):
        cv2.circle(pane, (int(x), int(y)), max(1, measures.stroke // 2), (210, 214, 220), -1)
    loops = [OVAL, *(eye.outline for eye in EYES), LIPS[:20], LIPS[60:]]
    fixed = [_fixed(points[loop]) for loop in loops]
    cv2.polylines(pane, fixed, True, ACCENT, max(1, measures.stroke // 2), cv2.LINE_AA, _SHIFT)


def ghost_panel(ghost: Ghost, pane: tuple[int, int], *, mirrored: bool) -> Panel:
    """The avatar at rest, its face where the driver's should be; as large as the pane."""
    height, width = ghost.portrait.shape[:2]
    if ghost.landmarks is None:
        scale = min(pane[0] / width, pane[1] / height)
        centre = np.array([width / 2, height / 2])
        target = np.array(pane) / 2
    else:
        left, top, right, bottom = face_box(ghost.landmarks)
        scale = _GHOST_HEIGHT * pane[1] / max(1.0, bottom - top)
        centre = np.array([(left + right) / 2, (top + bottom) / 2])
        target = np.array(pane) * _GHOST_AT
    shift = target - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    portrait = cv2.warpAffine(ghost.portrait, matrix, pane, flags=cv2.INTER_AREA)
    mask = cv2.warpAffine(_feathered(width, height), matrix, pane)
    alpha = np.clip(mask * ghost.opacity, 0, 255).astype(np.uint8)
    layer = np.dstack([portrait, alpha])
    return Panel.of(Image.fromarray(layer[:, ::-1] if mirrored else layer, "RGBA"))


def draw_search(pane: Frame, search: Search, measures: Measures, top: int) -> None:
    """A bar that fills as the driver comes nearer to the avatar's pose; a tick stands at the best so far."""
    width = pane.shape[1]
    thick = max(4, measures.text // 2)
    left, right = width // 5, width - width // 5
    trough = pane[top : top + thick, left:right]
    trough[...] = SCRIM
    filled = round((right - left) * min(max(search.now, 0.0), 1.0))
    trough[:, :filled] = ACCENT
    best = left + round((right - left - 1) * min(max(search.best, 0.0), 1.0))
    pane[max(0, top - thick // 2) : top + thick + thick // 2, max(left, best - 1) : best + 2] = TONES["good"]


def _feathered(width: int, height: int) -> Frame:
    mask = np.zeros((height, width), np.uint8)
    inset = max(1, round(_GHOST_FEATHER * min(width, height)))
    mask[inset:-inset, inset:-inset] = 255
    return np.asarray(cv2.blur(mask, (2 * inset - 1, 2 * inset - 1)), np.uint8)


def _outlined(pane: Frame, lines: list[Points], colour: Colour, measures: Measures) -> None:
    """Open lines with a dark edge, which shows on bright pictures too."""
    fixed = [_fixed(points) for points in lines]
    cv2.polylines(pane, fixed, False, SCRIM, measures.stroke + 2, cv2.LINE_AA, _SHIFT)
    cv2.polylines(pane, fixed, False, colour, measures.stroke, cv2.LINE_AA, _SHIFT)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * (1 << _SHIFT)), np.int32)
