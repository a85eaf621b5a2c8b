"""What people do from frame to frame: they speak, listen, look around, smile; smooth in time, settled by chance."""

from __future__ import annotations

import numpy as np

from fomm.synthetic.arrays import Array
from fomm.synthetic.figure import Pose
from fomm.synthetic.motion import Score, minimum_jerk

#: What a face shows for a while, as facial actions.
_MOODS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.2},
    {"mouthSmile": 1.0, "cheekSquint": 0.7, "mouthUpperUp": 0.4, "mouthLowerDown": 0.3, "jawOpen": 0.15},
    {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.5},
    {"browInnerUp": 0.6, "browOuterUp": 0.7, "jawOpen": 0.7, "eyeWide": 0.6},
    {"browDown": 0.8, "noseSneer": 0.3, "eyeSquint": 0.4},
    {"mouthFrown": 0.7, "browInnerUp": 0.5},
    {"mouthPucker": 0.8},
    {"mouthPress": 0.8, "mouthDimple": 0.5},
)


def performance(rng: np.random.Generator, frames: int, fps: float) -> list[Pose]:
    """Poses of a clip that begins nearly at rest.

    Args:
        rng: settles it.
        frames: how many.
        fps: a second.
    """
    score = Score(frames / fps, seed=int(rng.integers(2**31)))
    performer = _Performer(score, rng)
    performer.act()
    raised = performer.hand(np.arange(frames) / fps)
    leaning = rng.normal(0, [1.0, 1.5]) * rng.choice([0, 1])
    base = rng.normal(0, [5.0, 3.0, 2.5])
    side, height = rng.normal(0, [0.008, 0.006])
    return [
        Pose(
            actions,
            yaw=pose["yaw"] + float(base[0]),
            pitch=pose["pitch"] + float(base[1]),
            roll=pose["roll"] + float(base[2]),
            # Whoever turns leans with it a little.
            lean=(float(leaning[0] * pose["roll"] / 5), float(leaning[1] * pose["pitch"] / 5)),
            hand=place,
            sway=(float(side), float(height)),
            shift=(pose["sway_x"], 0.0, pose["sway_z"]),
        )
        for (actions, pose), place in zip(score.perform(fps).frames(), raised, strict=True)
    ]


class _Performer:
    """Fills a score with one thing after another."""

    def __init__(self, score: Score, rng: np.random.Generator) -> None:
        self._score, self._rng = score, rng
        self._turned = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0}

    def act(self) -> None:
        score, rng = self._score, self._rng
        self._blink()
        self._glance()
        at = float(rng.uniform(0.1, 0.5))
        while at < score.duration:
            time = float(rng.uniform(1.0, 3.5))
            doing = rng.choice(["speak", "listen", "turn", "show"], p=[0.5, 0.15, 0.15, 0.2])
            if doing == "speak":
                self._speak(at, at + time)
            elif doing == "listen":
                self._nod(at, shake=bool(rng.random() < 0.3))
            elif doing == "turn":
                self._turn(at, 22, 0.5)
            else:
                self._show(at, time)
            at += time + float(rng.uniform(0.0, 0.5))

    def _speak(self, start: float, end: float) -> None:
        rng = self._rng
        pace = float(rng.uniform(0.10, 0.16))
        self._score.babble(start, end, loudness=float(rng.uniform(0.5, 1.15)), pace=pace)
        at = start
        while at < end:
            # Speakers stress words with head and brows.
            self._turn(at, 6, 0.35)
            if rng.random() < 0.3:
                brows = {"browInnerUp": 0.5, "browOuterUp": 0.5}
                self._score.gesture(brows, at, rise=0.15, hold=float(rng.uniform(0.1, 0.4)), fall=0.3)
            at += float(rng.uniform(0.4, 1.2))

    def _show(self, start: float, time: float) -> None:
        rng = self._rng
        mood = _MOODS[int(rng.integers(len(_MOODS)))]
        strength = float(rng.uniform(0.4, 1.0))
        shown = {name: strength * value for name, value in mood.items()}
        self._score.gesture(shown, start, rise=float(rng.uniform(0.2, 0.5)), hold=0.5 * time, fall=0.4)
        self._turn(start, 8, 0.5)

    def _nod(self, start: float, *, shake: bool) -> None:
        rng = self._rng
        name, at = ("yaw" if shake else "pitch"), start
        middle = self._turned[name]
        for size in (-1.0, 0.5, -0.8, 0.4, 0.0):
            time = float(rng.uniform(0.16, 0.26))
            self._turned[name] = middle + size * float(rng.uniform(4, 8))
            self._score.turn(at, **self._turned, time=time)
            at += time
        self._turned[name] = middle
        self._score.turn(at, **self._turned, time=0.3)

    def _turn(self, start: float, size: float, time: float) -> None:
        """To anywhere around straight ahead, in degrees; the farther, the longer."""
        goal = self._rng.normal(0, [size, 0.5 * size, 0.45 * size]).clip([-32, -18, -18], [32, 18, 18])
        way = float(np.abs(goal - list(self._turned.values())).max())
        self._turned = dict(zip(self._turned, map(float, goal), strict=True))
        self._score.turn(start, **self._turned, time=time + way / 90)

    def hand(self, t: Array) -> list[tuple[float, float, float, float]]:
        """Where a hand is at times `(T,)`: it comes, stays a while, moving a little, and goes."""
        rng = self._rng
        raised, places = np.zeros(len(t)), rng.normal(0, [0.008, 0.008, 8.0])[:, None] * np.ones(len(t))
        at = float(rng.uniform(-0.5, 1.5))
        while at < self._score.duration:
            rise, hold = float(rng.uniform(0.4, 0.8)), float(rng.uniform(0.6, 3.0))
            raised += minimum_jerk((t - at) / rise) - minimum_jerk((t - at - rise - hold) / rise)
            for start in np.arange(at, at + hold, 0.7):
                step = rng.normal(0, [0.004, 0.005, 5.0])[:, None]
                places = places + step * minimum_jerk((t - start) / 0.5)
            at += 2 * rise + hold + float(rng.uniform(0.5, 3.0))
        return [
            (float(up), float(x), float(z), float(a)) for up, x, z, a in zip(raised, *places, strict=True)
        ]

    def _blink(self) -> None:
        """Every few seconds, at times twice."""
        rng = self._rng
        at = float(rng.uniform(0.2, 2.5))
        while at < self._score.duration:
            self._score.blink(at, hold=float(rng.uniform(0.02, 0.08)))
            at += 0.3 if rng.random() < 0.1 else float(0.8 + rng.gamma(2.0, 1.3))

    def _glance(self) -> None:
        """Eyes rest on one point for a while and jump to the next, mostly near the camera."""
        rng, at = self._rng, 0.0
        while at < self._score.duration:
            far = rng.random() < 0.25
            right, up = rng.normal(0, 0.5 if far else 0.1, 2).clip(-1, 1)
            self._score.look(at, right=float(right), up=float(up) * 0.7)
            at += float(rng.uniform(0.25, 0.9) if far else rng.uniform(0.3, 2.2))
