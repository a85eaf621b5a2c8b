"""Who is drawn: shape, colours, hair and clothes of a synthetic person, and the people that ship with us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm.synthetic import strands as hair
from fomm.synthetic.heads import Head, Shape
from fomm.synthetic.paint import Colour, Garment, Regions, Skin, smoothstep
from fomm.synthetic.strands import Skull, Strands

Array = NDArray[Any]


@dataclass(frozen=True)
class Hair:
    """Hair on the head.

    Attributes:
        style: a name in `STYLES`.
        count: strands; a head at 512 pixels looks full from 40,000.
        length: metres on top.
        volume: metres that the outer layer stands off the skull.
        hairline: raises the hairline at the forehead, metres; temples recede by `temples`.
    """

    style: str = "short"
    colour: Colour = (0.20, 0.13, 0.09)
    count: int = 60_000
    length: float = 0.042
    volume: float = 0.011
    hairline: float = 0.0
    temples: float = 0.0
    shine: float = 1.0
    variety: float = 0.5
    waviness: float = 0.0


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


@dataclass(frozen=True)
class Tuft:
    """Strands of one kind with their colour; rigid ones move with the skull."""

    strands: Strands
    colour: Colour
    shine: float
    variety: float
    root_shade: float
    rigid: bool


def scalp(regions: Regions, style: Hair) -> Array:
    """Where hair grows, `(N,)` in [0, 1], on the template."""
    p, eye = regions.p, regions.left_eye
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    # The hairline, as a height over the skull's side view: forehead, temple, sideburn, behind the ear, nape.
    front = eye[2] + 0.062 + style.hairline + style.temples * smoothstep(0.015, 0.045, x) - 2.2 * np.maximum(x - 0.022, 0) ** 1.25
    side = np.interp(y, [-0.13, -0.085, -0.068, -0.05, -0.035, -0.012, 0.005, 0.02, 0.10],
                     [0.80, 0.772, 0.735, 0.705, 0.712, 0.735, 0.70, 0.672, 0.662])
    line = np.where(y < -0.085, np.maximum(front, side), side)
    blend = smoothstep(-0.10, -0.075, y)
    line = np.maximum(front, eye[2] - 0.01) * (1 - blend) + side * blend
    mask = smoothstep(-0.005, 0.012, z - line)
    return (mask * (1 - smoothstep(0.02, 0.2, regions.ears)) * regions.body).astype(np.float32)


def _grow_hair(head: Head, regions: Regions, person: Person, normals: Array, rng: np.random.Generator) -> Strands:
    style = person.hair
    body = head.topology.parts["body"].faces
    mask = scalp(regions, style)
    corners, roots = hair.scatter(head.rest, body, mask, style.count, rng)
    near = np.flatnonzero((head.topology.template[:, 2] > 0.64) & (regions.body > 0))
    coarse = near[near < head.topology.subdivisions[0].count]
    skull = Skull(head.rest[coarse], normals[coarse])
    template_roots = head.topology.template[corners].mean(axis=1)
    return STYLES[style.style](style, corners, roots, template_roots, mask, head, skull, rng)


def _short(style: Hair, corners: Array, roots: Array, at: Array, density: Array, head: Head, skull: Skull, rng: np.random.Generator) -> Strands:
    """Short at the sides, longer on top, brushed up and back."""
    top = smoothstep(0.775, 0.815, at[:, 2] + 0.12 * np.maximum(-at[:, 1] - 0.06, 0))
    length = (0.011 + (style.length - 0.011) * top) * rng.uniform(0.75, 1.1, len(roots))
    length *= 0.55 + 0.45 * smoothstep(0.2, 0.9, density[corners].mean(axis=1))
    layer = (0.003 + style.volume * top * rng.uniform(0.15, 1.0, len(roots)) ** 0.7).astype(np.float32)
    side = np.full((len(at), 1), -0.30)
    rise = (smoothstep(-0.06, -0.10, at[:, 1]) * top)[:, None]
    temple = (smoothstep(-0.05, -0.08, at[:, 1]) * (1 - top))[:, None]

    def comb(p: Array, n: Array, share: float) -> Array:
        over = np.concatenate([side, np.full_like(side, 1.0), 0.0 * side], axis=1)
        down = np.array([0.0, 0.35, -1.0]) * (1 - temple) + np.array([0.0, 1.0, -0.15]) * temple
        flow = over * top[:, None] + down * (1 - top[:, None])
        flow = flow - (flow * n).sum(axis=1, keepdims=True) * n
        lift = (0.25 + 0.9 * rise) * (1 - share) ** 1.2 * top[:, None] + 0.12 * (1 - top[:, None])
        return hair.unit(flow) * (1 - 0.45 * lift) + n * lift

    points = hair.grow(roots, skull, comb, length, layer, rng, points=10, clumps=520, waviness=style.waviness)
    return hair.root(head.rest, corners, points, hair.taper(0.00014, len(roots), 10), rng)


def _bun(style: Hair, corners: Array, roots: Array, at: Array, density: Array, head: Head, skull: Skull, rng: np.random.Generator) -> Strands:
    """Drawn back smoothly from the hairline into a knot at the back of the crown."""
    template = head.topology.template
    crown = head.rest[np.linalg.norm(template - [0.0, 0.06, 0.79], axis=1).argmin()]
    span = np.linalg.norm(roots - crown, axis=1)
    length = np.clip(span * 1.12, 0.015, style.length)
    layer = (0.002 + style.volume * rng.random(len(roots)) ** 1.5 * smoothstep(0.02, 0.10, span)).astype(np.float32)

    def comb(p: Array, n: Array, share: float) -> Array:
        flow = hair.unit(crown - p) + np.array([0, 0.2, 0.3]) * (1 - share) ** 2
        flow = flow - (flow * n).sum(axis=1, keepdims=True) * n
        return hair.unit(flow) + n * 0.08 * (1 - share) ** 2

    points = hair.grow(roots, skull, comb, length, layer, rng, points=14, clumps=900, waviness=style.waviness, stray=0.035)
    return hair.root(head.rest, corners, points, hair.taper(0.00014, len(roots), 14, tip=0.7), rng)


STYLES: dict[str, Callable[..., Strands]] = {"short": _short, "bun": _bun}


def _grow_brows(head: Head, regions: Regions, person: Person, rng: np.random.Generator) -> Strands:
    p, eye = regions.p, regions.left_eye
    style = person.brows
    x = np.abs(p[:, 0]) - eye[0]
    arch = eye[2] + 0.0195 + style.raised + 0.08 * x - 5.0 * (x - 0.006) ** 2
    thick = style.thickness * np.interp(x, [-0.022, -0.012, 0.006, 0.026], [0.0032, 0.0040, 0.0032, 0.0010])
    mask = np.exp(-(((p[:, 2] - arch) / thick) ** 2) * 1.2) * smoothstep(-0.0235, -0.017, x) * smoothstep(0.030, 0.020, x)
    mask *= (p[:, 1] < eye[1] + 0.02) * regions.body
    mask[mask < 0.05] = 0
    corners, roots = hair.scatter(head.rest, head.topology.parts["body"].faces, mask, 2 * style.count, rng)
    at = head.topology.template[corners].mean(axis=1)
    side = np.sign(at[:, 0])
    s = np.clip((np.abs(at[:, 0]) - eye[0] + 0.022) / 0.048, 0, 1)
    above = (at[:, 2] - (eye[2] + 0.0195 + style.raised + 0.08 * (s * 0.048 - 0.022) - 5.0 * (s * 0.048 - 0.028) ** 2))
    rise = np.interp(s, [0, 0.15, 0.5, 1], [1.6, 0.8, 0.35, -0.25]) - np.clip(above / 0.004, -1, 1) * 0.35
    origin, axes = hair.frames(head.rest, corners)
    normal = axes[:, 2]
    ahead = np.stack([side * np.interp(s, [0, 0.2, 1], [0.4, 1, 1]), 0.35 * s, rise], axis=1)
    ahead += rng.normal(size=ahead.shape) * 0.14
    ahead = hair.unit(ahead - (ahead * normal).sum(axis=1, keepdims=True) * normal)
    length = np.interp(s, [0, 0.3, 1], [0.0065, 0.0085, 0.006])[:, None, None] * rng.uniform(0.8, 1.15, (len(s), 1, 1))
    t = np.linspace(0, 1, 5)[None, :, None]
    points = roots[:, None] + length * t * (ahead[:, None] + normal[:, None] * (0.30 - 0.28 * t)) + normal[:, None] * 0.0002
    return hair.root(head.rest, corners, points, hair.taper(0.00011, len(roots), 5, tip=0.1), rng)


def _grow_beard(head: Head, regions: Regions, person: Person, normals: Array, rng: np.random.Generator) -> Strands:
    assert person.beard is not None
    style = person.beard
    mask = regions.beard() ** 1.5
    mask[mask < 0.05] = 0
    corners, roots = hair.scatter(head.rest, head.topology.parts["body"].faces, mask, style.count, rng)
    at, lip = head.topology.template[corners].mean(axis=1), regions.lip_centre
    _, axes = hair.frames(head.rest, corners)
    normal = axes[:, 2]
    x = at[:, 0] / 0.04
    moustache = smoothstep(-0.002, 0.004, at[:, 2] - lip[2]) * smoothstep(0.04, 0.03, np.abs(at[:, 0]))
    down = np.stack([x * (0.25 + 0.9 * moustache), -0.1 + 0 * x, -1 + 0.55 * moustache], axis=1)
    flow = down - (down * normal).sum(axis=1, keepdims=True) * normal
    flow = hair.unit(flow + rng.normal(size=flow.shape) * 0.22)
    near_lip = 1 - 0.45 * moustache
    thin = smoothstep(0.0, 0.5, regions.beard()[corners].mean(axis=1))
    length = style.length * near_lip * (0.35 + 0.65 * thin) * rng.uniform(0.6, 1.15, len(roots))
    t = np.linspace(0, 1, 7)[None, :, None]
    bend = normal[:, None] * (0.75 * t - 0.45 * t**2) + flow[:, None] * t * (0.55 + 0.45 * t)
    curl = rng.normal(size=(len(roots), 1, 3)) * 0.10 * np.sin(t * 4)
    points = roots[:, None] + length[:, None, None] * (bend + curl)
    return hair.root(head.rest, corners, points, hair.taper(0.00022, len(roots), 7), rng)


def _grow_lashes(head: Head, regions: Regions, person: Person, rng: np.random.Generator) -> Strands:
    """Lashes from the edge of each lid, found as the lid vertices nearest to the open eye's slit."""
    from fomm.synthetic.lids import lid_edges

    all_corners, all_points, widths = [], [], []
    for edge in lid_edges(head.topology, regions):
        upper = edge.upper
        share = np.sort(rng.random(130 if upper else 55))
        index = np.clip((share * (len(edge.vertices) - 1)).astype(int), 0, len(edge.vertices) - 2)
        f = (share * (len(edge.vertices) - 1) - index)[:, None]
        here = head.rest[edge.vertices]
        roots = here[index] * (1 - f) + here[index + 1] * f
        corners = edge.corners[index]
        centre = head.rest[np.unique(head.topology.parts["eye_l" if edge.left else "eye_r"].faces)].mean(axis=0)
        out = hair.unit(roots - centre)
        s = share * 2 - 1  # -1 inner corner .. 1 outer corner
        fan = np.stack([(1 if edge.left else -1) * (0.15 + 0.6 * s), -1 + 0 * s, (0.10 if upper else -0.35) + 0 * s], axis=1)
        ahead = hair.unit(hair.unit(fan) + 0.35 * out + rng.normal(size=fan.shape) * 0.10)
        size = (0.0068 if upper else 0.0034) * person.lashes * np.interp(share, [0, 0.25, 0.75, 1], [0.45, 0.85, 1.05, 0.7])
        size = (size * rng.uniform(0.8, 1.1, len(share)))[:, None, None]
        t = np.linspace(0, 1, 6)[None, :, None]
        curl = np.array([0, 0, 1.0 if upper else -0.7])
        all_points.append(roots[:, None] + size * (ahead[:, None] * t + curl * 0.5 * t**2))
        all_corners.append(corners)
        widths.append(hair.taper(0.00013 if upper else 0.00008, len(share), 6, tip=0.05))
    return hair.root(head.rest, np.concatenate(all_corners), np.concatenate(all_points), np.concatenate(widths), rng)


def dress(head: Head, regions: Regions, person: Person, normals: Array) -> list[Tuft]:
    """All of a person's hair."""
    rng = np.random.default_rng(person.seed)
    style, brows = person.hair, person.brows
    tufts = []
    if style.count:
        grown = _grow_hair(head, regions, person, normals, rng)
        tufts.append(Tuft(grown, style.colour, style.shine, style.variety, 0.45, rigid=True))
    if person.beard is not None:
        grown = _grow_beard(head, regions, person, normals, rng)
        tufts.append(Tuft(grown, person.beard.colour, 0.5, 0.8, 0.6, rigid=False))
    tufts.append(Tuft(_grow_brows(head, regions, person, rng), brows.colour, 0.3, 0.4, 0.9, rigid=False))
    tufts.append(Tuft(_grow_lashes(head, regions, person, rng), (0.05, 0.04, 0.035), 0.1, 0.2, 1.0, rigid=False))
    return tufts
