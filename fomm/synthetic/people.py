"""What describes a synthetic person: shape, skin, hair and clothes. `cast` holds those that ship with us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fomm.synthetic.heads import Shape
from fomm.synthetic.paint import Colour, Garment, Skin


@dataclass(frozen=True)
class Hair:
    """Hair on the head.

    Attributes:
        style: a name in `hairdresser.STYLES`.
        count: strands; a head at 512 pixels looks full from 30,000.
        length: metres on top.
        volume: metres that the outer layer stands off the skull.
        hairline: raises the hairline at the forehead, metres; temples recede by `temples`.
    """

    style: str = "short"
    colour: Colour = (0.20, 0.13, 0.09)
    count: int = 42_000
    length: float = 0.042
    volume: float = 0.011
    hairline: float = 0.0
    temples: float = 0.0
    shine: float = 1.0
    variety: float = 0.5


@dataclass(frozen=True)
class Brows:
    """Eyebrows: thickness 1 is average; `raised` in metres."""

    colour: Colour = (0.19, 0.13, 0.10)
    thickness: float = 1.0
    count: int = 900
    raised: float = 0.0


@dataclass(frozen=True)
class Beard:
    """A full beard with moustache."""

    colour: Colour = (0.3, 0.25, 0.2)
    count: int = 14_000
    length: float = 0.014


@dataclass(frozen=True)
class Person:
    """Everything about a person's looks; the seed settles freckles and the fall of the hair.

    `posture` is added to every expression: how this face is held when it does nothing.
    """

    shape: Shape = field(default_factory=Shape)
    skin: Skin = field(default_factory=Skin)
    garment: Garment = field(default_factory=Garment)
    hair: Hair = field(default_factory=Hair)
    brows: Brows = field(default_factory=Brows)
    beard: Beard | None = None
    iris: Colour = (0.36, 0.24, 0.15)
    lashes: float = 0.8
    posture: Mapping[str, float] = field(default_factory=lambda: {"jawOpen": -0.035})
    seed: int = 0
