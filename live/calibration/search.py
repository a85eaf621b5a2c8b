"""Looking out for the best neutral pose while the session goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.animators.base import DrivingFrame, Landmarks
from fomm.landmarks import face_width
from live.calibration.quality import Quality, rate
from live.pose import Pose

#: A pose that scores this much is good enough to begin with; a worse one waits this long, in seconds, for better.
GOOD_START, _START_S = 50.0, 1.0
#: By how much a pose must be better than the held one: in the first seconds, and after them.
_OPENING_S, _OPENING_MARGIN, _LATER_MARGIN = 5.0, 4.0, 10.0
#: The same while the user searches on purpose.
_SEARCH_MARGIN = 1.0
#: A pose is remembered for this long as the best one, in seconds: after that the driver may sit elsewhere.
_FRESH_S = 8.0
#: After a change, the next one waits this long, in seconds.
_PAUSE_S = 1.0
#: A face that moves faster, in face widths a second, is between two poses, and blurred.
_TOO_FAST = 0.5


@dataclass(frozen=True, eq=False)
class Candidate:
    """A driving frame that may become the neutral pose.

    Attributes:
        at: its time in seconds.
    """

    driving: DrivingFrame
    pose: Pose
    at: float


class Search:
    """Remembers the best pose of late, and says when it should replace the held one."""

    def __init__(self) -> None:
        self.deliberate = False
        self._began: float | None = None
        self._changed = float("-inf")
        self._best: Candidate | None = None
        self._last: tuple[Landmarks, float] | None = None

    def restart(self) -> None:
        """As at the beginning: a poor pose soon gives way to a better one."""
        self._began = self._best = self._last = None

    def changed(self, now: float) -> None:
        """Another neutral pose was taken: what was seen before is settled."""
        self._best, self._changed = None, now

    def look_at(self, candidate: Candidate, usual_eyes: float) -> None:
        """Take another frame in."""
        if self._began is None:
            self._began = candidate.at
        if self._moving(candidate):
            return
        best = self._best
        if (
            best is None
            or candidate.at - best.at > _FRESH_S
            or rate(candidate.pose, usual_eyes).score > rate(best.pose, usual_eyes).score
        ):
            self._best = candidate

    def first(self, now: float, usual_eyes: float) -> Candidate | None:
        """The pose to begin with, where it is time for one."""
        if self._best is None or self._began is None:
            return None
        good = rate(self._best.pose, usual_eyes).score >= GOOD_START
        return self._best if good or now - self._began >= _START_S else None

    def better(self, held: Quality, now: float, usual_eyes: float) -> Candidate | None:
        """A pose that is enough better than the held one, if there is one."""
        if self._best is None or now - self._changed < _PAUSE_S:
            return None
        margin = _LATER_MARGIN
        if self.deliberate:
            margin = _SEARCH_MARGIN
        elif self.opening(now):
            margin = _OPENING_MARGIN
        return self._best if rate(self._best.pose, usual_eyes).score >= held.score + margin else None

    def best_score(self, usual_eyes: float) -> float:
        """The score of the best pose since the last change, from 0 to 100."""
        return 0.0 if self._best is None else rate(self._best.pose, usual_eyes).score

    def opening(self, now: float) -> bool:
        """Whether these are the first seconds with a face."""
        return self._began is None or now - self._began < _OPENING_S

    def _moving(self, candidate: Candidate) -> bool:
        landmarks = candidate.driving.landmarks
        assert landmarks is not None
        last, self._last = self._last, (landmarks, candidate.at)
        if last is None or candidate.at <= last[1]:
            return False
        step = float(np.linalg.norm((landmarks - last[0])[:, :2], axis=1).mean())
        return step / face_width(landmarks) / (candidate.at - last[1]) > _TOO_FAST
