"""People and what their faces do, by chance: every seed another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array, unit
from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import Shape
from fomm.synthetic.paint import Colour
from fomm.synthetic.pairs.accessories import Glasses, Hat
from fomm.synthetic.pairs.hairdos import BEARDS, Hairdo
from fomm.synthetic.pairs.hands import Hand
from fomm.synthetic.people import Hair

#: Local changes that shape a head, by parts of their names.
_FACIAL = ("nose", "cheek", "mouth", "chin", "head", "eye", "forehead", "eyebrow", "ear", "neck")
_CHANGES = 40

_SKINS = ((0.94, 0.78, 0.68), (0.87, 0.68, 0.56), (0.78, 0.58, 0.45), (0.62, 0.44, 0.34), (0.45, 0.30, 0.23))
_HAIRS = ((0.07, 0.06, 0.05), (0.20, 0.12, 0.08), (0.52, 0.38, 0.22), (0.62, 0.61, 0.60), (0.42, 0.19, 0.10))
_IRISES = ((0.30, 0.18, 0.08), (0.25, 0.40, 0.55), (0.30, 0.40, 0.20), (0.12, 0.08, 0.05), (0.40, 0.42, 0.44))

#: As far as a head turns, degrees.
MAX_YAW, MAX_PITCH, MAX_ROLL = 35.0, 25.0, 25.0


@dataclass(frozen=True)
class Character:
    """Somebody, in some light, in front of some camera.

    Attributes:
        shape: of the head.
        skin, lips, brow, hair, iris, cloth: colours, sRGB.
        brow_thickness: metres.
        brow_raised: metres.
        lines: depth of wrinkles, 0 to 1; it grows with age.
        gloss: of the skin, 0 to 1.
        stubble: 0 to 1; above 0.6 a beard.
        blush, mottle: strength of redness and of spots.
        style: where hair grows; count 0 for none.
        shell: whether long hair hangs around the head; else it is cropped.
        fringe, cut: heights to which it falls over the forehead, and at the sides, template metres.
        hairdo: hair that is neither painted nor a shell, or None.
        beard: its shape, a name in `hairdos.BEARDS`; bushy: how far it stands off the skin, metres.
        neckline: see `fomm.synthetic.paint.Garment`.
        weave: of the cloth: stripes a metre, 0 for plain.
        key: direction towards the lamp (x right, y into the picture, z up), and its linear colour.
        sky, floor: linear colours of what comes from above and from below.
        distance: of the camera, metres.
        height: of the picture at the face, metres.
        eyes_at: where the eyes' middle lies, 0 to 1.
        glasses, hat: what is worn, or None.
        hand: one that is raised to the face at times, or None.
        glare: strength of the window that glasses mirror; negative on the left.
        texture: settles skin and hair in detail.
    """

    shape: Shape
    skin: Colour
    lips: Colour
    brow: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    brow_thickness: float
    brow_raised: float
    lines: float
    gloss: float
    stubble: float
    blush: float
    mottle: float
    style: Hair
    shell: bool
    fringe: float
    cut: float
    hairdo: Hairdo | None
    beard: str
    bushy: float
    neckline: float
    weave: float
    key: tuple[Colour, Colour]
    sky: Colour
    floor: Colour
    distance: float
    height: float
    eyes_at: tuple[float, float]
    glasses: Glasses | None
    hat: Hat | None
    hand: Hand | None
    glare: float
    texture: float

    @staticmethod
    def draw(rng: np.random.Generator, changes: Sequence[str]) -> Character:
        """Anybody.

        Args:
            rng: settles who.
            changes: the local changes that anny knows.
        """
        skin = np.array(_SKINS[int(rng.integers(len(_SKINS)))]) * rng.uniform(0.88, 1.08)
        hair = np.array(_HAIRS[int(rng.integers(len(_HAIRS)))]) * rng.uniform(0.7, 1.2)
        female = rng.random()
        # Bald, painted as if shorn, a shell, or more than that.
        grown = str(rng.choice(["bald", "shorn", "shell", "hairdo"], p=[0.10, 0.15, 0.22, 0.53]))
        hat = Hat.draw(rng) if rng.random() < 0.22 else None
        if hat is not None and hat.kind == "scarf":
            grown = "bald" if grown == "bald" else "shorn"
        elif hat is not None and hat.covers_hair and grown == "hairdo":
            grown = "shell"
        stubble = float(max(0.0, rng.uniform(-0.5, 1))) if female < 0.5 else 0.0
        beard = str(rng.choice(list(BEARDS), p=list(BEARDS.values())))
        receding = female < 0.5 and rng.random() < 0.2
        shape = _shape(rng, female, [name for name in changes if any(part in name for part in _FACIAL)])
        return Character(
            shape=shape,
            skin=_tuple(skin),
            lips=_tuple(skin * np.array([0.95, 0.62, 0.60]) * rng.uniform(0.75, 1.15)),
            brow=_tuple(hair * rng.uniform(0.5, 0.9)),
            hair=_tuple(hair),
            iris=_tuple(np.array(_IRISES[int(rng.integers(len(_IRISES)))]) * rng.uniform(0.7, 1.3)),
            cloth=_tuple(rng.uniform(0.03, 0.9, 3)),
            brow_thickness=float(rng.uniform(0.0022, 0.0055)),
            brow_raised=float(rng.normal(0, 0.0015)),
            lines=float(np.clip((shape.phenotypes["age"] - 0.55) / 0.35, 0, 1) * rng.uniform(0.35, 1)),
            gloss=float(rng.uniform(0.03, 0.4)),
            stubble=stubble,
            blush=float(rng.uniform(0.1, 0.9)),
            mottle=float(rng.uniform(0.4, 1.6)),
            style=Hair(
                count=0 if grown == "bald" else 1,
                hairline=float(rng.uniform(-0.01, 0.02) + 0.02 * receding),
                temples=float(rng.uniform(0, 0.02) + 0.02 * receding),
            ),
            shell=grown == "shell",
            hairdo=Hairdo.draw(rng) if grown == "hairdo" else None,
            beard=beard,
            bushy=float(rng.uniform(0.002, 0.03 if beard in {"full", "goatee", "chin"} else 0.008))
            if stubble > 0.65 and rng.random() < 0.8
            else 0.0,
            fringe=float(rng.uniform(0.765, 0.80)),
            cut=float(rng.uniform(0.56, 0.75)),
            neckline=float(rng.uniform(0.545, 0.60)),
            weave=float(rng.uniform(60, 400)) if rng.random() < 0.4 else 0.0,
            key=_lamp(rng),
            sky=_tuple(rng.uniform(0.2, 0.55) * rng.uniform(0.9, 1.1, 3)),
            floor=_tuple(rng.uniform(0.05, 0.3) * rng.uniform(0.9, 1.1, 3)),
            distance=float(rng.uniform(0.5, 1.6)),
            height=float(rng.uniform(0.26, 0.46)),
            eyes_at=(float(rng.normal(0.5, 0.03)), float(rng.normal(0.43, 0.03))),
            glasses=Glasses.draw(rng) if rng.random() < 0.3 else None,
            hat=hat,
            hand=Hand.draw(rng) if rng.random() < 0.12 else None,
            glare=float(rng.uniform(-0.5, 0.5)),
            texture=float(rng.uniform(0, 50)),
        )


def _shape(rng: np.random.Generator, female: float, facial: list[str]) -> Shape:
    origin = rng.dirichlet([0.6, 0.6, 0.6])
    phenotypes = {
        "gender": float(female),
        "age": float(rng.uniform(0.5, 0.95)),
        "weight": float(rng.uniform(0.3, 0.75)),
        "muscle": float(rng.uniform(0.3, 0.7)),
        **dict(zip(("african", "asian", "caucasian"), map(float, origin), strict=True)),
    }
    chosen = rng.choice(facial, _CHANGES, replace=False)
    return Shape(phenotypes, {str(name): float(rng.normal(0, 0.28)) for name in chosen})


def _lamp(rng: np.random.Generator) -> tuple[Colour, Colour]:
    direction = unit(np.array([rng.normal(0, 0.7), -1.0, rng.uniform(-0.1, 1.0)]))
    warmth = rng.uniform(-0.12, 0.12)
    colour = rng.uniform(0.5, 1.5) * np.array([1 + warmth, 1, 1 - warmth])
    return _tuple(direction, negative=True), _tuple(colour, most=2)


def acting(rng: np.random.Generator, actions: Sequence[str], *, calm: bool) -> Pose:
    """What a face does in one frame.

    Args:
        rng: settles it.
        actions: the facial actions there are.
        calm: nearly at rest and looking ahead, as in a portrait.
    """
    strengths: dict[str, float] = {}

    def both(name: str, strength: float, alike: float = 0.8) -> None:
        other = strength if rng.random() < alike else strength * rng.uniform(0, 1)
        sides = ("Left", "Right") if rng.random() < 0.5 else ("Right", "Left")
        for side, value in zip(sides, (strength, other), strict=True):
            strengths[name + side] = float(value)

    if not calm:
        if rng.random() < 0.6:
            strengths["jawOpen"] = float(rng.uniform(0, 0.9))
        if rng.random() < 0.4:
            both("mouthSmile", rng.uniform(0.2, 1))
        if rng.random() < 0.25:
            strengths[str(rng.choice(["mouthFunnel", "mouthPucker"]))] = float(rng.uniform(0.2, 0.9))
        for name in rng.choice(actions, 4, replace=False):
            if not any(part in name for part in ("tongue", "Blink", "eyeLook")):
                strengths.setdefault(str(name), float(rng.uniform(0, 0.6)))
    elif rng.random() < 0.3:
        both("mouthSmile", rng.uniform(0.1, 0.6))
    sideways, up = rng.normal(0, 0.15 if calm else 0.45, 2).clip(-1, 1)
    for name, value in (
        ("OutLeft", sideways), ("InRight", sideways), ("InLeft", -sideways), ("OutRight", -sideways),
        ("UpLeft", up), ("UpRight", up), ("DownLeft", -up), ("DownRight", -up),
    ):  # fmt: skip
        strengths[f"eyeLook{name}"] = float(max(value, 0))
    if not calm and rng.random() < 0.3:
        # Shut, or on the way.
        both("eyeBlink", 1.0 if rng.random() < 0.6 else rng.uniform(0.2, 1))
    spread = 0.25 if calm else 1.0
    yaw, pitch, roll = rng.normal(0, [16 * spread, 9 * spread, 8 * spread])
    # Two thirds of all frames come from people who sit still.
    still = calm or rng.random() < 2 / 3
    lean = rng.normal(0, (0.1, 0.1) if still else (3, 4))
    sway = rng.normal(0, (0.001, 0.001) if still else (0.02, 0.008))
    shift = rng.normal(0, np.array([0.008, 0.008, 0.003]) * spread)
    # Seen in most frames of people who raise a hand at all, so that it comes, goes and moves.
    hand = float(rng.random() < 0.65), *rng.normal(0, [0.010, 0.012, 10.0])
    return Pose(
        strengths,
        yaw=float(np.clip(yaw, -MAX_YAW, MAX_YAW)),
        pitch=float(np.clip(pitch, -MAX_PITCH, MAX_PITCH)),
        roll=float(np.clip(roll, -MAX_ROLL, MAX_ROLL)),
        sway=(float(sway[0]), float(sway[1])),
        lean=(float(lean[0]), float(lean[1])),
        shift=(float(shift[0]), float(shift[1]), float(shift[2])),
        hand=(hand[0], float(hand[1]), float(hand[2]), float(hand[3])),
    )


def _tuple(values: Array, *, most: float = 1, negative: bool = False) -> Colour:
    red, green, blue = np.clip(values, -1 if negative else 0, most)
    return float(red), float(green), float(blue)
