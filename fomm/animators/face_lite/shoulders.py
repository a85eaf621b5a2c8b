"""How far the driver's shoulders have gone: landmarks tell where the head is, and hardly where the body is.

Corners in the picture, such as seams, collars and the shoulders' outlines, are followed from the neutral frame to the
driving one (Lucas and Kanade, 1981; Bouguet's pyramids), there and back again. Those that come back count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import DrivingFrame, Frame, Landmarks, Motion
from fomm.animators.landmark_warp.mesh import torso_travel
from fomm.landmarks import CHIN, FOREHEAD, RIGID, AvatarMotion, face_width
from fomm.matting import person_mask

Array: TypeAlias = NDArray[np.floating[Any]]

#: Frames are made so small that a face is this wide, in pixels.
_FACE = 56.0
#: Shoulders begin so far below the chin, in face heights.
_BELOW = 0.12
#: So far around the chin they are looked for, in face widths.
_REACH = 2.5
#: At most so many corners, so many pixels apart, at least this share as good as the best one.
_CORNERS, _APART, _QUALITY = 48, 4, 0.005
#: Fewer tell nothing.
_LEAST_CORNERS = 8
_WINDOW, _LEVELS = (15, 15), 3
#: A corner that ends up further from where it started than this, in pixels, was lost.
_ASTRAY = 1.0
#: A corner agrees with the others within this distance of their median, in pixels, or this share of their way.
_AGREES, _AGREES_SHARE = 2.0, 0.2
#: Shoulders are believed by how many of their corners agree: from this share on a little, from that on entirely.
_DOUBTED, _BELIEVED = 0.2, 0.5


@dataclass(frozen=True, eq=False)
class _Anchor:
    """Shoulders in the frame that they are followed from.

    Attributes:
        neutral: the landmarks of the neutral frame that it is for.
        box: the part of frames that is looked at.
        scale: what frames are made smaller by.
        face_width: from ear to ear, in the frame's pixels.
        small: the box in grey, made smaller.
        corners: `(N, 1, 2)` float32 in it; fewer than `_LEAST_CORNERS` where nothing can be followed.
        shift: `(2,)` how far they are there from where they are in the neutral frame, in face widths.
    """

    neutral: Landmarks | None
    box: tuple[slice, slice]
    scale: float
    face_width: float
    small: NDArray[np.uint8]
    corners: NDArray[np.float32]
    shift: Array

    @property
    def holds(self) -> bool:
        """Whether anything can be followed from it."""
        return len(self.corners) >= _LEAST_CORNERS


class Shoulders:
    """Follows the driver's shoulders. Remembers the neutral frames used last; for one thread at a time."""

    def __init__(self) -> None:
        self._anchors: list[_Anchor] = []

    def shift(self, motion: Motion) -> tuple[Array, float]:
        """How far they are from where they are in the neutral frame.

        Returns:
            `(2,)` in the driver's face widths, x right and y down, and how far to believe it, in [0, 1].
        """
        shift, belief = self._since(motion.neutral, motion.driving)
        if motion.leaving is None or motion.arrived >= 1:
            return shift, belief
        before, belief_before = self._since(motion.leaving, motion.driving)
        return before + (shift - before) * np.float32(motion.arrived), min(belief, belief_before)

    def carry(self, moved: AvatarMotion, width: float, motion: Motion) -> AvatarMotion:
        """Have an avatar's torso go along as far as the driver's is believed to; its face is so many pixels wide."""
        shift, belief = self.shift(motion)
        by_rule = torso_travel(moved.head)
        torso = by_rule + (shift * (width * motion.strength) - by_rule) * np.float32(belief)
        return replace(moved, torso=torso)

    def _since(self, neutral: DrivingFrame, driving: DrivingFrame) -> tuple[Array, float]:
        nothing = np.zeros(2, np.float32)
        if driving.pixels is neutral.pixels:
            return nothing, 1.0
        anchor = self._anchor(neutral, driving)
        if not anchor.holds or driving.pixels.shape != neutral.pixels.shape:
            return nothing, 0.0
        now = _small(driving.pixels[anchor.box], anchor.scale)
        there, found = _follow(anchor.small, now, anchor.corners)
        back, returned = _follow(now, anchor.small, there)
        astray = np.linalg.norm((back - anchor.corners)[:, 0], axis=1)
        ways = (there - anchor.corners)[found & returned & (astray < _ASTRAY), 0]
        if len(ways) < _LEAST_CORNERS:
            return nothing, 0.0
        way = np.median(ways, axis=0)
        near = max(_AGREES, _AGREES_SHARE * float(np.linalg.norm(way)))
        agree = int((np.linalg.norm(ways - way, axis=1) < near).sum())
        belief = np.clip((agree / len(anchor.corners) - _DOUBTED) / (_BELIEVED - _DOUBTED), 0, 1)
        return anchor.shift + way / np.float32(anchor.scale * anchor.face_width), float(belief)

    def _anchor(self, neutral: DrivingFrame, driving: DrivingFrame) -> _Anchor:
        for anchor in self._anchors:
            if anchor.neutral is neutral.landmarks:
                return anchor
        anchor = _look(neutral, neutral)
        if not anchor.holds:
            # Of a neutral face that was remembered there is no picture. The first one will do.
            anchor = _look(driving, neutral)
        self._anchors = [anchor, *self._anchors[:1]]
        return anchor


def _look(frame: DrivingFrame, neutral: DrivingFrame) -> _Anchor:
    """What can be followed from a frame; shoulders are taken to be as far below the head as in the neutral one."""
    assert frame.landmarks is not None
    assert neutral.landmarks is not None
    width = face_width(frame.landmarks)
    scale = min(1.0, _FACE / width)
    (x, y), reach = frame.landmarks[CHIN, :2], _REACH * width
    left, top, right, bottom = (max(0, int(edge)) for edge in (x - reach, y - reach, x + reach, y + reach))
    box = (slice(top, bottom), slice(left, right))
    small = _small(frame.pixels[box], scale)
    where = _where(frame.pixels, frame.landmarks)[box]
    mask = cv2.resize(where, small.shape[::-1], interpolation=cv2.INTER_NEAREST)
    found = cv2.goodFeaturesToTrack(small, _CORNERS, _QUALITY, _APART, mask=mask)
    corners = np.empty((0, 1, 2), np.float32) if found is None else np.asarray(found, np.float32)
    moved = (frame.landmarks[RIGID, :2] - neutral.landmarks[RIGID, :2]).mean(axis=0) / np.float32(width)
    return _Anchor(neutral.landmarks, box, scale, width, small, corners, moved)


def _where(pixels: Frame, landmarks: Landmarks) -> NDArray[np.uint8]:
    """Where shoulders are looked for: the person below the chin, `(H, W)` of 0 and 1."""
    height, width = pixels.shape[:2]
    down = (landmarks[CHIN] - landmarks[FOREHEAD])[:2]
    face_height = max(float(np.linalg.norm(down)), 1.0)
    down = down / face_height
    y, x = np.ogrid[:height, :width]
    right, below = x - landmarks[CHIN, 0], y - landmarks[CHIN, 1]
    person = cv2.resize(person_mask(pixels), (width, height), interpolation=cv2.INTER_LINEAR) > 0.8
    inside = (right * down[0] + below * down[1] > _BELOW * face_height) & person
    return np.asarray(inside, np.uint8)


def _small(pixels: Frame, scale: float) -> NDArray[np.uint8]:
    """In grey, made smaller."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _follow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], corners: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where corners are in the other picture, and which were found there."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, corners, np.empty_like(corners), winSize=_WINDOW, maxLevel=_LEVELS
    )
    return np.asarray(there, np.float32), np.asarray(found)[:, 0] > 0
