"""Noticing that the driver no longer sits where the neutral pose was taken."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from fomm.animators.base import Landmarks
from fomm.landmarks import RIGID, euler_angles, face_width, similarity

#: For so long, in seconds, the driver must have been elsewhere; leaning over is over sooner.
_LASTING_S = 8.0
#: How far is elsewhere: ratio of sizes, face widths, degrees.
_GROWN, _TRAVELLED, _TURNED = 1.2, 0.4, 15.0
#: Samples a second that are looked at: more tell nothing new.
_RATE = 5.0


@dataclass(frozen=True)
class Drift:
    """How far the driver is from the neutral pose, by the median of the last seconds.

    Attributes:
        scale: how much larger the head appears.
        travel: how far it is away, in face widths.
        turn: the largest of its turns, in degrees.
    """

    scale: float
    travel: float
    turn: float

    def __bool__(self) -> bool:
        return self._resized or self.travel > _TRAVELLED or self.turn > _TURNED

    @property
    def _resized(self) -> bool:
        return not 1 / _GROWN <= self.scale <= _GROWN

    def __str__(self) -> str:
        """What has happened, as the beginning of a sentence for the user."""
        if self._resized:
            percent = round(100 * abs(self.scale - 1))
            return f"your face is {percent} % {'larger' if self.scale > 1 else 'smaller'} than when you calibrated"
        if self.travel > _TRAVELLED:
            return "you sit elsewhere than when you calibrated"
        return "the camera sees you from another side than when you calibrated"


class DriftWatch:
    """Watches the driver's head against the neutral pose."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """There is another neutral pose, or another driver."""
        self._samples: deque[tuple[float, Drift]] = deque()

    def update(self, now: float, neutral: Landmarks, current: Landmarks) -> Drift | None:
        """How far the driver has drifted; None where that is not for long enough, or not far.

        Args:
            now: seconds; grows.
            neutral, current: `(478, 3)` in pixels of frames of the same size.
        """
        samples = self._samples
        if samples and not 0 <= now - samples[-1][0] < _LASTING_S:
            samples.clear()
        scale, rotation, c0, c1 = similarity(neutral[RIGID], current[RIGID])
        travel = float(np.linalg.norm((c1 - c0)[:2])) / face_width(neutral)
        present = Drift(scale, travel, max(map(abs, euler_angles(rotation))))
        if not samples or now - samples[-1][0] >= 1 / _RATE:
            samples.append((now, present))
        while len(samples) > 1 and now - samples[1][0] >= _LASTING_S:
            samples.popleft()
        if now - samples[0][0] < _LASTING_S or not present:
            return None
        # Nearly all of the time, and not on average: a short visit far away is no drift.
        scales, travels, turns = np.array([(was.scale, was.travel, was.turn) for _, was in samples]).T
        least = Drift(
            scale=float(np.percentile(scales, 10 if np.median(scales) > 1 else 90)),
            travel=float(np.percentile(travels, 10)),
            turn=float(np.percentile(turns, 10)),
        )
        if not least:
            return None
        return Drift(*(float(np.median(values)) for values in (scales, travels, turns)))
