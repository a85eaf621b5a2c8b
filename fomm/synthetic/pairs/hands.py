"""A hand at the face: it has a motion of its own, and hides what is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array, unit
from fomm.synthetic.figure import smooth_normals
from fomm.synthetic.heads import Head, HeadFactory, about_x, skin
from fomm.synthetic.pairs.meshes import Held, Worn

_ARM = ("lowerarm01.L", "lowerarm02.L", "wrist.L", *(f"metacarpal{k}.L" for k in range(1, 5)))
_FINGERS = tuple(f"finger{finger}-{joint}.L" for finger in range(1, 6) for joint in range(1, 4))

#: How far down a hand is that is not seen, metres.
_AWAY = 0.55

#: By name: where a left hand's palm is (from between the eyes, metres; x to the subject's left), where the palm
#: looks, where the fingers point, and how far each joint of the fingers bends, degrees.
GESTURES: dict[
    str, tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float], float]
] = {
    "cheek": ((0.075, -0.045, -0.075), (-0.8, 0.6, 0.1), (-0.05, 0.2, 1.0), 22),
    "chin": ((0.02, -0.055, -0.155), (-0.1, 0.25, 1.0), (-1.0, 0.1, 0.2), 48),
    "mouth": ((0.030, -0.085, -0.105), (-0.2, 1.0, 0.0), (-0.9, -0.1, 0.45), 14),
    "temple": ((0.080, -0.050, 0.000), (-0.7, 0.7, 0.0), (-0.35, 0.1, 1.0), 34),
    "wave": ((0.150, -0.090, -0.040), (0.1, -1.0, 0.1), (0.1, 0.0, 1.0), 6),
    "forehead": ((0.045, -0.070, 0.080), (-0.1, 1.0, -0.2), (-0.85, 0.0, 0.5), 18),
}


class Palm:
    """The average left hand with its arm, in the palm's own directions: y along the fingers, z out of it.

    Attributes:
        limb: the mesh, see `Limb`.
        vertices: `(N, 3)` from the middle of the palm.
        joints: `(3,)` from there, by the bones' names.
    """

    def __init__(self, heads: HeadFactory) -> None:
        self.limb = heads.limb((*_ARM, *_FINGERS))
        joints = self.limb.joints
        wrist, knuckle = joints["wrist.L"], joints["finger3-1.L"]
        middle, ahead = 0.35 * wrist + 0.65 * knuckle, unit(knuckle - wrist)
        # Fingers bend towards the palm: at rest they do so a little already.
        tip = joints["finger3-3.L"] - knuckle
        out = unit(tip - (tip @ ahead) * ahead)
        axes = np.stack([np.cross(ahead, out), ahead, out])
        self.vertices = ((self.limb.vertices - middle) @ axes.T).astype(np.float32)
        self.joints = {name: axes @ (place - middle) for name, place in joints.items()}


@dataclass(frozen=True)
class Hand:
    """A hand that somebody raises at times.

    Attributes:
        gesture: a name in `GESTURES`.
        left: the subject's left hand, or the right one.
        size: 1 is average.
        bend: how much the fingers bend beyond the gesture's, degrees, from the index finger on.
        sleeve: where the sleeve ends, metres behind the palm's middle.
    """

    gesture: str
    left: bool
    size: float
    bend: tuple[float, float, float, float]
    sleeve: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Hand:
        """Any."""
        first, second, third, fourth = np.cumsum(rng.normal(2, 5, 4))
        return Hand(
            gesture=str(rng.choice(list(GESTURES))),
            left=bool(rng.random() < 0.5),
            size=float(rng.uniform(0.85, 1.08)),
            bend=(float(first), float(second), float(third), float(fourth)),
            sleeve=float(rng.uniform(0.06, 0.25)),
        )

    def fit(self, palm: Palm) -> Worn:
        """Its mesh, around the middle of the palm."""
        limb, local, joints = palm.limb, palm.vertices, palm.joints
        curl = GESTURES[self.gesture][3]
        transforms = [np.eye(4)] * len(_ARM)
        for finger in range(1, 6):
            world = np.eye(4)
            for joint in range(1, 4):
                bend = 8.0 if finger == 1 else (curl + self.bend[finger - 2]) * (1.0, 1.1, 0.7)[joint - 1]
                pivot = joints[f"finger{finger}-{joint}.L"]
                turn = np.eye(4)
                turn[:3, :3] = about_x(bend)
                turn[:3, 3] = pivot - turn[:3, :3] @ pivot
                world = world @ turn
                transforms.append(world)
        side = np.array([1.0 if self.left else -1.0, 1, 1])
        vertices = skin(local, limb.weights, np.stack(transforms).astype(np.float32)) * side * self.size
        vertices = vertices.astype(np.float32)
        quads = limb.quads if self.left else limb.quads[:, ::-1]
        traits = np.zeros((len(vertices), 4), np.float32)
        traits[:, 0] = self.sleeve
        return Worn("HAND", quads, local, traits, Held(vertices, smooth_normals(vertices, quads)))

    def place(self, head: Head, skull: Array, state: tuple[float, float, float, float]) -> Array:
        """`(4, 4)` transform of the mesh in a frame.

        Args:
            head: whose.
            skull: see `Posed`; the hand goes where the head goes, but does not turn with it.
            state: how far it is raised, 0 to 1; metres to the side and up; degrees it is tilted.
        """
        raised, aside, up, tilt = state
        at, palm, fingers, _ = GESTURES[self.gesture]
        side = np.array([1.0 if self.left else -1.0, 1, 1])
        parts = head.topology.parts
        eyes = np.mean(
            [head.rest[np.unique(parts[name])].mean(axis=0) for name in ("eye_l", "eye_r")], axis=0
        )
        anchor = eyes + np.array(at) * side + [aside, 0, up]
        out = unit(np.array(palm) * side)
        a = np.radians(tilt)
        ahead = np.array(fingers) * side
        ahead = ahead * np.cos(a) + np.cross(out, ahead) * np.sin(a)
        ahead = unit(ahead - (ahead @ out) * out)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([np.cross(ahead, out), ahead, out], axis=1)
        matrix[:3, 3] = skull[:3, :3] @ anchor + skull[:3, 3] - [0, 0, _AWAY * (1 - raised)]
        return matrix
