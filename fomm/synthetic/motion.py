"""Natural motion of a face: speech with coarticulation, blinks, saccades, head turns and idle sway.

A `Score` collects what happens when; `Score.perform` samples it into one value per channel and frame.
Everything moves by minimum-jerk curves, as limbs and faces do, and everything random comes from one seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fomm.synthetic.arrays import Array

#: Mouth shapes of speech, as strengths of facial actions.
VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "AA": {"jawOpen": 0.65, "mouthLowerDown": 0.25, "mouthStretch": 0.08},
    "AE": {"jawOpen": 0.46, "mouthStretch": 0.30, "mouthUpperUp": 0.15},
    "EH": {"jawOpen": 0.28, "mouthStretch": 0.25, "mouthLowerDown": 0.20},
    "EE": {"jawOpen": 0.12, "mouthSmile": 0.35, "mouthStretch": 0.30, "mouthLowerDown": 0.30},
    "OH": {"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.15},
    "OO": {"jawOpen": 0.14, "mouthPucker": 0.75, "mouthFunnel": 0.25},
    "MBP": {"jawOpen": 0.02, "mouthPress": 0.30, "mouthRollLower": 0.20, "mouthRollUpper": 0.15},
    "FV": {"jawOpen": 0.08, "mouthRollLower": 0.45, "mouthUpperUp": 0.25},
    "LTD": {"jawOpen": 0.20, "mouthLowerDown": 0.12},
    "SZ": {"jawOpen": 0.07, "mouthStretch": 0.22, "mouthLowerDown": 0.25},
    "SH": {"jawOpen": 0.10, "mouthFunnel": 0.60, "mouthPucker": 0.20},
}

#: Actions that exist for the left and the right side, and may be named without one for both.
PAIRED = frozenset(
    (
        "browDown",
        "browOuterUp",
        "cheekSquint",
        "eyeBlink",
        "eyeSquint",
        "eyeWide",
        "mouthDimple",
        "mouthFrown",
    )
) | frozenset(("mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer"))

#: How strongly a mouth shape holds its own against its neighbours; 1 where not told. Lips must meet.
FIRMNESS = {"MBP": 4.0, "FV": 1.8, "SZ": 1.4, "SH": 1.3}

VOWELS = ("AA", "AE", "EH", "EE", "OH", "OO")
CONSONANTS = ("MBP", "FV", "LTD", "SZ", "SH", "LTD", "MBP")

#: How far a head at rest wanders: degrees, and metres of sway.
_IDLE = {"yaw": 0.9, "pitch": 0.7, "roll": 0.6, "sway_x": 0.0022, "sway_z": 0.0012}

#: Muscles that pull at the same spot share its travel: together they never exceed 1.
_RIVALS = (
    ("mouthSmileLeft", "mouthStretchLeft", "mouthFunnel", "mouthPucker"),
    ("mouthSmileRight", "mouthStretchRight", "mouthFunnel", "mouthPucker"),
)


@dataclass(frozen=True)
class Performance:
    """Sampled motion.

    Attributes:
        fps: frames a second.
        actions: facial actions, `(T,)` in [0, 1] each.
        pose: yaw, pitch, roll in degrees and sway_x, sway_z in metres, `(T,)` each.
    """

    fps: float
    actions: dict[str, Array]
    pose: dict[str, Array]

    def __len__(self) -> int:
        return len(self.pose["yaw"])

    def frames(self) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
        """Actions and pose of one frame after another."""
        for k in range(len(self)):
            yield (
                {name: float(track[k]) for name, track in self.actions.items() if track[k] > 0},
                {name: float(track[k]) for name, track in self.pose.items()},
            )


def both_sides(actions: Mapping[str, float]) -> dict[str, float]:
    """Spell out paired actions: `{"mouthSmile": 1}` → left and right."""
    spelled: dict[str, float] = {}
    for name, strength in actions.items():
        for side in ("Left", "Right") if name in PAIRED else ("",):
            spelled[name + side] = strength
    return spelled


def minimum_jerk(t: Array) -> Array:
    """0 → 1 over t in [0, 1], at rest at both ends."""
    t = np.clip(t, 0, 1)
    share: Array = t**3 * (10 - 15 * t + 6 * t**2)
    return share


def _share_travel(actions: dict[str, Array]) -> None:
    """Scale muscles down where they pull the same skin: rivals together, and eyes by their closed lids."""
    for rivals in _RIVALS:
        present = [name for name in rivals if name in actions]
        total = np.maximum(sum(actions[name] for name in present), 1)
        for name in present:
            actions[name] = actions[name] / total
    for side in ("Left", "Right"):
        shut = actions.get(f"eyeBlink{side}")
        if shut is not None:
            for name in ("eyeWide", "eyeLookUp", "eyeLookDown", "eyeSquint"):
                if f"{name}{side}" in actions:
                    actions[f"{name}{side}"] = actions[f"{name}{side}"] * (1 - shut)


@dataclass
class Score:
    """What a face does over a time; times in seconds.

    Args:
        duration: length of the performance.
        seed: settles all that is left to chance.
    """

    duration: float
    seed: int = 0
    _gestures: list[tuple[dict[str, float], float, float, float, float]] = field(default_factory=list)
    _speech: list[tuple[float, float, dict[str, float], float]] = field(default_factory=list)
    _paths: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def gesture(
        self, actions: Mapping[str, float], start: float, *, rise: float, hold: float, fall: float
    ) -> None:
        """Raise actions to their strengths, hold, let go. Paired actions may be named without a side."""
        self._gestures.append((both_sides(actions), start, rise, hold, fall))

    def blink(self, start: float, *, sides: Sequence[str] = ("Left", "Right"), hold: float = 0.035) -> None:
        """Close the eyes fully, quickly, and open them more slowly: about 200 ms in all."""
        self.gesture({f"eyeBlink{side}": 1.0 for side in sides}, start, rise=0.075, hold=hold, fall=0.13)

    def blinks(self, start: float, end: float) -> None:
        """Blink every two to four seconds."""
        at = start + self._rng.uniform(0.3, 1.0)
        while at < end - 0.3:
            self.blink(at)
            at += self._rng.uniform(1.6, 3.4)

    def wink(self, start: float, *, side: str = "Left") -> None:
        """One eye, with the cheek and the corner of the mouth."""
        self.blink(start, sides=(side,), hold=0.22)
        friends = {f"cheekSquint{side}": 0.7, f"mouthSmile{side}": 0.45, f"eyeSquint{side}": 0.3}
        self.gesture(friends, start - 0.06, rise=0.14, hold=0.26, fall=0.25)

    def look(self, start: float, *, right: float = 0.0, up: float = 0.0) -> None:
        """A saccade to a direction, -1 to 1, to the subject's right and up; gaze stays there."""
        self._to("gaze_right", start, right, 0.055)
        self._to("gaze_up", start, up, 0.055)

    def turn(
        self, start: float, *, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, time: float = 0.6
    ) -> None:
        """Turn the head to a pose in degrees (see `Head.bone_transforms`) within `time`."""
        for name, value in (("yaw", yaw), ("pitch", pitch), ("roll", roll)):
            self._to(name, start, value, time)

    def say(
        self, visemes: Sequence[str], start: float, *, pace: float = 0.13, loudness: float = 1.0
    ) -> float:
        """Speak visemes one after another; neighbours colour each other. Returns the time it ends."""
        at = start
        for name in visemes:
            long = name in VOWELS
            time = pace * (1.15 if long else 0.85) * self._rng.uniform(0.85, 1.2)
            strength = loudness * self._rng.uniform(0.85, 1.1)
            shape = {action: value * strength for action, value in both_sides(VISEMES[name]).items()}
            self._speech.append((at + time / 2, time, shape, FIRMNESS.get(name, 1.0)))
            at += time
        self._speech.append((start - 0.10, 0.12, {}, 1.5))
        self._speech.append((at + 0.10, 0.14, {}, 1.5))
        return at

    def babble(self, start: float, end: float, *, loudness: float = 1.0, pace: float = 0.13) -> None:
        """Speak words nobody knows until `end`."""
        at = start
        while at < end - 0.3:
            word = []
            for _ in range(int(self._rng.integers(2, 5))):
                word += [str(self._rng.choice(CONSONANTS)), str(self._rng.choice(VOWELS))]
            words = word[: max(2, int((end - at) / pace))]
            at = self.say(words, at, pace=pace, loudness=loudness) + self._rng.uniform(0.05, 0.16)

    def perform(self, fps: float) -> Performance:
        """Sample everything at `fps`."""
        t = np.arange(round(self.duration * fps)) / fps
        actions = self._spoken(t)
        self._add_gestures(actions, t)
        self._add_gaze(actions, t)
        _share_travel(actions)
        actions = {name: np.clip(track, 0, 1) for name, track in actions.items()}
        pose = self._head(t)
        if "jawOpen" in actions:  # speakers nod with their voice
            window = np.hanning(round(0.5 * fps)) / (0.25 * fps)
            pose["pitch"] = pose["pitch"] - 2.2 * np.convolve(actions["jawOpen"], window, mode="same")
        return Performance(fps, actions, pose)

    def _add_gestures(self, actions: dict[str, Array], t: Array) -> None:
        for wanted, start, rise, hold, fall in self._gestures:
            shape = minimum_jerk((t - start) / rise) - minimum_jerk((t - start - rise - hold) / fall)
            for name, strength in wanted.items():
                actions[name] = np.maximum(actions.get(name, 0.0), strength * shape)

    def _add_gaze(self, actions: dict[str, Array], t: Array) -> None:
        right, up = self._path("gaze_right", t), self._path("gaze_up", t)
        for side, inwards in (("Left", right), ("Right", -right)):
            actions[f"eyeLookIn{side}"], actions[f"eyeLookOut{side}"] = inwards, -inwards
            actions[f"eyeLookUp{side}"], actions[f"eyeLookDown{side}"] = up, -up
            # The upper lids follow the eyes up.
            actions[f"eyeWide{side}"] = np.maximum(actions.get(f"eyeWide{side}", 0.0), 0.9 * up)

    def _head(self, t: Array) -> dict[str, Array]:
        pose = {name: self._path(name, t) for name in ("yaw", "pitch", "roll")}
        ease = minimum_jerk(t / 0.9) * minimum_jerk((self.duration - t) / 0.5)
        for name, size in _IDLE.items():
            pose[name] = pose.get(name, 0.0) + size * ease * self._drift(t)
        return pose

    def _spoken(self, t: Array) -> dict[str, Array]:
        """Cohen and Massaro's coarticulation: targets blended by dominance that fades with distance in time."""
        names = sorted({name for _, _, shape, _ in self._speech for name in shape})
        total = np.full(len(t), 0.03)  # far from any speech, rest dominates
        tracks = {name: np.zeros(len(t)) for name in names}
        for centre, time, shape, weight in self._speech:
            dominance = weight * np.exp(-0.5 * ((t - centre) / (0.42 * time)) ** 2)
            total += dominance
            for name, value in shape.items():
                tracks[name] += dominance * value
        return {name: track / total for name, track in tracks.items()}

    def _to(self, name: str, start: float, value: float, time: float) -> None:
        self._paths.setdefault(name, []).append((start, value, time))

    def _path(self, name: str, t: Array) -> Array:
        """Minimum-jerk moves from goal to goal."""
        track, last = np.zeros(len(t)), 0.0
        for start, value, time in sorted(self._paths.get(name, [])):
            track += (value - last) * minimum_jerk((t - start) / time)
            last = value
        return track

    def _drift(self, t: Array) -> Array:
        """A slow wander between about -1 and 1."""
        rates, phases = self._rng.uniform(0.12, 0.55, (3, 1)), self._rng.uniform(0, 2 * np.pi, (3, 1))
        drift: Array = np.sin(2 * np.pi * rates * t + phases).sum(axis=0) / 2
        return drift


def talking_head(seed: int = 0) -> Score:
    """The bundled clip: half a second at rest, then everything a face does, and back to rest, in 12 seconds."""
    score = Score(12.0, seed)
    smile = {"mouthSmileLeft": 1.0, "mouthSmileRight": 0.95, "mouthUpperUp": 0.4, "mouthLowerDown": 0.3}
    smile |= {"cheekSquint": 0.6, "eyeSquint": 0.25, "jawOpen": 0.12}
    brows = {"browInnerUp": 0.6, "browOuterUp": 0.6}

    score.babble(0.75, 2.9)
    score.blink(1.35)
    score.gesture(brows, 1.9, rise=0.18, hold=0.25, fall=0.35)
    score.turn(0.9, yaw=4, pitch=-1, roll=1.5, time=0.7)
    score.turn(1.9, yaw=-4, pitch=1, roll=-1.5, time=0.8)
    score.turn(2.8, time=0.5)
    score.gesture(smile, 3.05, rise=0.35, hold=0.45, fall=0.4)
    score.blink(4.0)

    glances = ((4.3, 0.8, 0.0), (4.65, -0.8, 0.0), (5.05, 0.0, 1.0), (5.4, 0.0, -0.7), (5.75, 0.0, 0.0))
    for at, right, up in glances:
        score.look(at, right=right, up=up)
    score.gesture({"browInnerUp": 0.35, "browOuterUp": 0.3}, 5.0, rise=0.15, hold=0.25, fall=0.2)
    score.blink(5.68)

    score.babble(5.9, 7.5, loudness=0.85)
    score.turn(5.85, yaw=20, pitch=1, roll=2, time=0.65)
    score.look(6.0, right=0.25)
    score.turn(6.65, yaw=-20, pitch=1, roll=-2, time=0.85)
    score.look(6.75, right=-0.25)
    score.turn(7.6, pitch=0, time=0.5)
    score.look(7.65)
    score.blink(7.62)

    score.turn(8.1, pitch=12, time=0.4)
    score.turn(8.5, pitch=-12, time=0.5)
    score.turn(9.0, roll=12, time=0.4)
    score.wink(9.25, side="Left")
    score.turn(9.65, roll=-12, time=0.5)
    score.turn(10.2, time=0.35)

    wide = {"jawOpen": 0.95, "mouthLowerDown": 0.2, **brows}
    score.gesture(wide, 10.2, rise=0.28, hold=0.2, fall=0.3)
    score.blink(10.9)
    score.say(["MBP", "AA", "LTD", "EE", "OO"], 10.98, pace=0.11)
    return score
