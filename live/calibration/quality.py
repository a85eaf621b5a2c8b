"""How good a pose is as the neutral one."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from live.pose import Pose

#: Degrees of turn, face widths of open mouth, shares of a closed eye, ... at which a part is only half as good.
#: A camera below or above the face sees it pitched at all times, so that pitch counts half.
_TURN, _PITCH_COUNTS = 12.0, 0.5
_CLOSED_MOUTH, _MOUTH = 0.01, 0.03
_LESS_OPEN, _WIDER_OPEN, _FREELY_WIDER = 0.25, 0.4, 1.15
_ASIDE = 0.12
_UNLIKE = 0.06

#: Below this a part of a pose is worth a word to the user.
_ADVISED = 0.8


@dataclass(frozen=True)
class Quality:
    """Each part from 0 (hopeless) to 1 (ideal).

    Attributes:
        frontal: does the face look into the camera?
        mouth: is it closed?
        eyes: are they as open as usual, and on the camera?
        likeness: to the avatar's expression; never so weighty as the others.
    """

    frontal: float
    mouth: float
    eyes: float
    likeness: float

    @property
    def score(self) -> float:
        """All in all, from 0 to 100."""
        return 100 * self.frontal * self.mouth * self.eyes * math.sqrt(self.likeness)

    @property
    def advice(self) -> str:
        """What would help most, in words for the user; "" where nothing much would."""
        parts = (
            (self.frontal, "face the camera"),
            (self.mouth, "close your mouth"),
            (self.eyes, "open your eyes and look into the camera"),
        )
        worst, words = min(parts)
        return words if worst < _ADVISED else ""


def rate(pose: Pose, usual_eyes: float) -> Quality:
    """How good a pose is.

    Args:
        usual_eyes: how far this person's eyes are open as a rule (`UsualEyes`).
    """
    opening = pose.eyes / usual_eyes
    eyes = _falling(1 - opening, _LESS_OPEN) * _falling(opening - _FREELY_WIDER, _WIDER_OPEN)
    return Quality(
        frontal=_falling(math.hypot(pose.yaw, _PITCH_COUNTS * pose.pitch, pose.roll), _TURN),
        mouth=_falling(pose.mouth - _CLOSED_MOUTH, _MOUTH),
        eyes=eyes * _falling(pose.aside, _ASIDE),
        likeness=_falling(pose.unlike, _UNLIKE),
    )


def _falling(off: float, half: float) -> float:
    """1 at and below 0, a half at `half`, towards 0 beyond."""
    return 1 / (1 + (max(0.0, off) / half) ** 2)


class UsualEyes:
    """How far a person's eyes are open as a rule: some people's open eyes are narrower than others' sleepy ones."""

    #: Lids' distance in eye widths: what is believed at first, and the range of what is believed at all.
    TYPICAL, NARROWEST, WIDEST = 0.28, 0.18, 0.45
    _SEEN, _ENOUGH = 300, 30

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=self._SEEN)

    def add(self, eyes: float) -> None:
        """Take another frame in (`Pose.eyes`)."""
        self._seen.append(eyes)

    @property
    def opening(self) -> float:
        """In eye widths. Blinks and half-shut moments are fewer than open ones."""
        if len(self._seen) < self._ENOUGH:
            return self.TYPICAL
        return float(np.clip(np.percentile(self._seen, 75), self.NARROWEST, self.WIDEST))
