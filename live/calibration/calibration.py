"""Which driving frame is the neutral pose, and when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, TypeAlias

from fomm.animators.base import DrivingFrame, Landmarks, Motion
from fomm.errors import ConfigError
from live.calibration.drift import Drift, DriftWatch
from live.calibration.held import HeldNeutral
from live.calibration.memory import Memory
from live.calibration.quality import Quality, UsualEyes, rate
from live.calibration.search import Candidate, Search
from live.hotkeys import Command
from live.pose import measure
from live.sources.base import Notify

#: How the neutral pose is found: searched all the time, the first one with a face, or from a frame's index on.
Neutral: TypeAlias = Literal["auto", "first"] | int

#: A pose asked for by key in the middle of a blink waits for its end, but no longer than this, in seconds.
_BLINK_S = 0.35
#: Eyes less open than this share of their usual opening are blinking.
_BLINKING = 0.7
#: A pose found by the search must score this much to be remembered for the next session, or have been the best for
#: so long, in seconds: who sits beside the camera never scores well.
_WORTH_KEEPING, _PROVEN_S = 60.0, 20.0
#: After a drift, a pose is taken unasked if it is at least this good, against the held one.
_GOOD_AFTER_DRIFT = 0.8


class _Wanted(Enum):
    """Which next frame has to become the neutral pose."""

    NONE = auto()
    FROM_START = auto()
    BY_HAND = auto()


@dataclass(frozen=True)
class Score:
    """How good the driver's pose is as the neutral one, from 0 to 100.

    Attributes:
        now, best: of the newest frame, and of the pose that is held or about to be.
        advice: what would help most, in words for the user; "" where nothing much would.
    """

    now: float
    best: float
    advice: str


class Calibration:
    """Holds the neutral pose, finds better ones, and eases from one to the next.

    Args:
        neutral: how it is found. "auto" searches; the others take one frame, and keep it until asked.
        watch: notice when the driver no longer sits where the neutral pose was taken.
        auto_recalibrate: and then take another one, without asking.
        memory: where the pose is kept from session to session.
        notify: takes a sentence about what was noticed.
        how: how to recalibrate, as messages say it.
    """

    def __init__(
        self,
        neutral: Neutral = "first",
        *,
        watch: bool = False,
        auto_recalibrate: bool = False,
        memory: Memory | None = None,
        notify: Notify = lambda _: None,
        how: str = "press x",
    ) -> None:
        self._searching = neutral == "auto"
        self._start = neutral if isinstance(neutral, int) else 0
        self._wanted = _Wanted.NONE if self._searching else _Wanted.FROM_START
        self._wanted_at: float | None = None
        self._by_hand = False
        self._watch = DriftWatch() if watch else None
        self._auto_recalibrate = auto_recalibrate
        self._memory = memory
        self._kept = memory.poses if memory is not None and self._searching else []
        self._notify = notify
        self._how = how
        self._held = HeldNeutral()
        self._search = Search()
        self._usual_eyes = UsualEyes()
        self._drift: Drift | None = None
        self._now_shown: Quality | None = None
        self._avatar: Landmarks | None = None
        self._taken_at: float | None = None

    # -- what the session asks --------------------------------------------------------------------------------

    @property
    def neutral(self) -> DrivingFrame | None:
        """The neutral pose, or the one that is becoming it; None before the first."""
        return self._held.frame

    def fits(self, driving: DrivingFrame) -> bool:
        """Whether motion can be measured: there is a neutral pose, of a frame of the same size."""
        held = self._held.frame
        return held is not None and held.pixels.shape == driving.pixels.shape

    def follow(
        self,
        index: int,
        driving: DrivingFrame,
        now: float,
        *,
        avatar: Landmarks | None = None,
        at_rest: bool = False,
    ) -> bool:
        """Take a new driving frame in, and change the neutral pose where that is due.

        Args:
            index: of the captured frame.
            driving: a frame in which the model's object is: a face, for models that need one.
            now: its time in seconds.
            avatar: `(478, 3)` landmarks of the avatar; None where it has none.
            at_rest: whether the neutral portrait shows, so that nothing can jump.

        Returns:
            True where there was no neutral pose and `driving` has become it: all motion may be shown at once.
        """
        self._held.advance(now)
        self._avatar = avatar
        if self._held.frame is not None and not self.fits(driving):
            if not at_rest:
                return False
            self._begin_anew()
        seen = None
        if driving.landmarks is not None:
            seen = Candidate(driving, measure(driving.landmarks, avatar), now)
            self._usual_eyes.add(seen.pose.eyes)
            self._now_shown = rate(seen.pose, self._usual_eyes.opening)
        chosen = self._choose(index, driving, seen, now)
        if chosen is None:
            self._look_for_drift(driving, seen, now)
            if self._taken_at is not None and now - self._taken_at >= _PROVEN_S:
                self._taken_at = None
                self._keep(proven=True)
            return False
        first = self._held.frame is None
        self._take(chosen, now, ease=not at_rest)
        return first and chosen is driving

    def motion(self, driving: DrivingFrame, strength: float) -> Motion:
        """What the animator takes."""
        return self._held.motion(driving, strength)

    @property
    def score(self) -> Score | None:
        """How the search goes that the user has asked for; None while there is none."""
        if not self._search.deliberate or self._now_shown is None:
            return None
        held = self._held_quality()
        best = max(0.0 if held is None else held.score, self._search.best_score(self._usual_eyes.opening))
        return Score(self._now_shown.score, best, self._now_shown.advice)

    @property
    def offer(self) -> str:
        """What the window says as long as the driver sits elsewhere than the neutral pose; "" where not."""
        return "" if self._drift is None else self._offer(self._drift)

    def commands(self) -> dict[Command, Callable[[], str]]:
        """What keys can ask of it."""
        return {Command.RECALIBRATE: self.recalibrate, Command.SEARCH: self.toggle_search}

    def recalibrate(self) -> str:
        """Take the driver's pose now, or as soon as there is one."""
        self._wanted, self._wanted_at, self._start = _Wanted.BY_HAND, None, 0
        self._search.deliberate = False
        return "recalibrating: your pose now becomes the neutral pose"

    def toggle_search(self) -> str:
        """Search the best pose until told to stop."""
        self._search.deliberate = not self._search.deliberate
        if self._search.deliberate:
            self._wanted = _Wanted.NONE
            self._search.restart()
            return "searching the neutral pose: look into the camera, eyes open, mouth closed"
        self._by_hand = True
        self._keep()
        held = self._held_quality()
        return "search ended" if held is None else f"neutral pose taken: {held.score:.0f} of 100"

    def poll(self) -> None:
        """Call it now and then."""
        if self._memory is not None:
            self._memory.poll()

    # -- choosing -----------------------------------------------------------------------------------------------

    def _choose(
        self, index: int, driving: DrivingFrame, seen: Candidate | None, now: float
    ) -> DrivingFrame | None:
        """The frame that is to become the neutral pose now."""
        if self._held.easing:
            chosen = None
        elif self._wanted is not _Wanted.NONE:
            chosen = self._as_asked(index, driving, seen, now)
        elif seen is None:
            # Nothing to tell good from bad by: a model that needs no face takes what comes first.
            chosen = driving if self._held.frame is None else None
        else:
            chosen = self._from_memory(driving, now)
        if seen is not None and (self._searching or self._search.deliberate):
            self._search.look_at(seen, self._usual_eyes.opening)
            if chosen is None and not self._held.easing and self._wanted is _Wanted.NONE:
                chosen = self._from_search(now)
        return chosen

    def _as_asked(
        self, index: int, driving: DrivingFrame, seen: Candidate | None, now: float
    ) -> DrivingFrame | None:
        if index < self._start:
            return None
        if self._wanted is _Wanted.BY_HAND:
            self._wanted_at = now if self._wanted_at is None else self._wanted_at
            blinking = seen is not None and seen.pose.eyes < _BLINKING * self._usual_eyes.opening
            if blinking and 0 <= now - self._wanted_at < _BLINK_S:
                return None
            self._by_hand = True
            advice = "" if seen is None else rate(seen.pose, self._usual_eyes.opening).advice
            if advice:
                self._notify(f"this neutral pose will look odd at rest: {advice}, and {self._how} again")
        self._wanted = _Wanted.NONE
        return driving

    def _from_memory(self, driving: DrivingFrame, now: float) -> DrivingFrame | None:
        """The last session's pose, if it is this driver's and no worse than what there is."""
        if not self._kept or self._search.deliberate:
            return None
        if not self._search.opening(now):
            self._kept = []
        for kept in self._kept:
            if kept.fits(driving):
                self._kept = []
                held = self._held_quality()
                score = rate(measure(kept.landmarks, self._avatar), self._usual_eyes.opening).score
                if not kept.by_hand and held is not None and held.score > score:
                    return None
                self._by_hand = kept.by_hand
                return kept.driving
        return None

    def _from_search(self, now: float) -> DrivingFrame | None:
        held = self._held_quality()
        usual = self._usual_eyes.opening
        found = None
        if held is None:
            found = self._search.first(now, usual)
        elif self._search.deliberate or not self._by_hand:
            found = self._search.better(held, now, usual)
        return None if found is None else found.driving

    def _held_quality(self) -> Quality | None:
        held = self._held.frame
        if held is None or held.landmarks is None:
            return None
        return rate(measure(held.landmarks, self._avatar), self._usual_eyes.opening)

    def _take(self, frame: DrivingFrame, now: float, *, ease: bool) -> None:
        self._held.take(frame, ease=ease)
        self._search.changed(now)
        self._drift = None
        if self._watch is not None:
            self._watch.reset()
        self._taken_at = now
        self._keep()

    def _begin_anew(self) -> None:
        """The frames have another size: nothing that was held can serve."""
        self._held.drop()
        self._taken_at = None
        self._search.restart()
        self._by_hand, self._drift = False, None
        if not self._searching and self._wanted is _Wanted.NONE:
            self._wanted, self._start = _Wanted.FROM_START, 0

    def _keep(self, *, proven: bool = False) -> None:
        held, quality = self._held.frame, self._held_quality()
        if self._memory is None or held is None or held.landmarks is None or quality is None:
            return
        if self._by_hand or proven or quality.score >= _WORTH_KEEPING:
            self._memory.keep(held.landmarks, held.pixels.shape[1::-1], by_hand=self._by_hand)

    # -- drift --------------------------------------------------------------------------------------------------

    def _look_for_drift(self, driving: DrivingFrame, seen: Candidate | None, now: float) -> None:
        held = self._held.frame
        if self._watch is None or seen is None or held is None or self._held.easing:
            return
        if held.landmarks is None or driving.landmarks is None:
            return
        before, self._drift = self._drift, self._watch.update(now, held.landmarks, driving.landmarks)
        if self._drift is None:
            return
        if not self._auto_recalibrate:
            if before is None:
                self._notify(self._offer(self._drift))
            return
        quality = self._held_quality()
        good = rate(seen.pose, self._usual_eyes.opening).score
        if quality is None or good >= _GOOD_AFTER_DRIFT * quality.score:
            self._notify(f"{self._drift}: recalibrated")
            self._take(driving, now, ease=True)

    def _offer(self, drift: Drift) -> str:
        return f"{drift}: look into the camera and {self._how} to calibrate again"


def parse_neutral(text: str) -> Neutral:
    """`--neutral`'s value: "auto", "first", or the index of a frame.

    Raises:
        ConfigError: none of these.
    """
    if text == "auto":
        return "auto"
    if text == "first":
        return "first"
    if text.isdecimal():
        return int(text)
    raise ConfigError(f'"{text}" is neither "auto", "first" nor the number of a frame, such as 30')
