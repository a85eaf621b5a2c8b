"""The synthetic people that ship with us."""

from __future__ import annotations

from fomm.synthetic.heads import Shape
from fomm.synthetic.paint import Garment, Skin
from fomm.synthetic.people import Beard, Brows, Hair, Person

#: The driver of the bundled clip: a young man with short brown hair.
DRIVER = Person(
    shape=Shape({"gender": 0.25, "age": 0.6, "caucasian": 0.8, "asian": 0.1, "african": 0.1}),
    skin=Skin(tone=(0.81, 0.62, 0.52), lips=(0.67, 0.43, 0.39), stubble=0.35),
    hair=Hair(style="short", colour=(0.23, 0.15, 0.10), hairline=-0.006),
    brows=Brows(colour=(0.22, 0.15, 0.11), thickness=0.66, raised=0.0015, count=700),
    garment=Garment(colour=(0.17, 0.27, 0.37)),
    posture={"jawOpen": -0.035, "browInnerUp": 0.12},
)

#: A young woman with dark skin, her hair drawn back.
AMARA = Person(
    shape=Shape(
        {"gender": 0.97, "age": 0.58, "weight": 0.45, "african": 0.75, "caucasian": 0.2, "asian": 0.05},
        {"mouth-scale-horiz-incr": -0.1},
    ),
    skin=Skin(tone=(0.50, 0.33, 0.25), lips=(0.47, 0.22, 0.22), blush=0.3, roughness=0.45, shadow=0.2),
    hair=Hair(style="bun", colour=(0.055, 0.045, 0.04), hairline=0.002, length=0.2, volume=0.008, shine=0.8),
    brows=Brows(colour=(0.07, 0.05, 0.045), thickness=0.6, count=650, raised=0.002),
    garment=Garment(colour=(0.72, 0.42, 0.20), neckline=0.565),
    iris=(0.20, 0.12, 0.07),
    lashes=1.1,
    posture={"jawOpen": -0.035, "mouthSmileLeft": 0.12, "mouthSmileRight": 0.12, "browInnerUp": 0.3},
    seed=2,
)

#: An older man with a grey beard.
HENRIK = Person(
    shape=Shape(
        {"gender": 0.05, "age": 0.88, "weight": 0.6, "caucasian": 1.0, "african": 0.0, "asian": 0.0},
        {"nose-scale-vert-incr": 0.2, "head-age-incr": 0.4},
    ),
    skin=Skin(
        tone=(0.80, 0.60, 0.51),
        lips=(0.62, 0.40, 0.37),
        blush=0.7,
        roughness=0.5,
        pores=1.5,
        shadow=0.55,
        stubble=1.0,
    ),
    hair=Hair(
        style="short", colour=(0.44, 0.42, 0.40), hairline=0.006, temples=0.012, length=0.04, volume=0.009
    ),
    brows=Brows(colour=(0.36, 0.33, 0.30), thickness=0.8, count=800),
    beard=Beard(colour=(0.46, 0.42, 0.38), count=40_000, length=0.010),
    garment=Garment(colour=(0.20, 0.25, 0.20), neckline=0.585),
    iris=(0.26, 0.32, 0.36),
    lashes=0.6,
    posture={"jawOpen": -0.035, "browInnerUp": 0.25, "eyeWideLeft": 0.3, "eyeWideRight": 0.3},
    seed=3,
)
