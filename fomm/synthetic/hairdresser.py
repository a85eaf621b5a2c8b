"""Grows a person's hair: on the head, the brows, the lashes and the beard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fomm.synthetic import strands as hair
from fomm.synthetic.arrays import Array, smoothstep, unit
from fomm.synthetic.heads import Head
from fomm.synthetic.lids import lid_edges
from fomm.synthetic.paint import Colour, Regions
from fomm.synthetic.people import Beard, Brows, Hair, Person
from fomm.synthetic.strands import Skull, Strands

_LASH_COLOUR = (0.05, 0.04, 0.035)


@dataclass(frozen=True)
class Tuft:
    """Strands of one kind and how they are drawn (see strand.frag); rigid ones move with the skull."""

    strands: Strands
    colour: Colour
    shine: float
    variety: float
    root_shade: float
    rigid: bool = False


@dataclass(frozen=True)
class Roots:
    """Where hair of one kind comes out of the skin.

    Attributes:
        corners: `(S, 3)` the triangle each strand grows from.
        places: `(S, 3)` where, on this head.
        at: `(S, 3)` where, on the template.
        density: `(S,)` how thickly hair grows there, 0 to 1.
        normals: `(S, 3)` away from the skin.
    """

    corners: Array
    places: Array
    at: Array
    density: Array
    normals: Array

    def __len__(self) -> int:
        return len(self.places)


def dress(head: Head, regions: Regions, person: Person, normals: Array) -> list[Tuft]:
    """All of a person's hair.

    Args:
        normals: `(N, 3)` of the head at rest.
    """
    rng = np.random.default_rng(person.seed)
    style, brows, beard = person.hair, person.brows, person.beard
    tufts = []
    if style.count:
        grown = _grow_hair(head, regions, style, normals, rng)
        tufts.append(Tuft(grown, style.colour, style.shine, style.variety, root_shade=0.45, rigid=True))
    if beard is not None:
        grown = _grow_beard(head, regions, beard, rng)
        tufts.append(Tuft(grown, beard.colour, shine=0.5, variety=0.8, root_shade=0.6))
    grown = _grow_brows(head, regions, brows, rng)
    tufts.append(Tuft(grown, brows.colour, shine=0.3, variety=0.4, root_shade=0.9))
    grown = _grow_lashes(head, regions, person.lashes, rng)
    tufts.append(Tuft(grown, _LASH_COLOUR, shine=0.1, variety=0.2, root_shade=1.0))
    return tufts


def scalp(regions: Regions, style: Hair) -> Array:
    """Where hair grows, `(N,)` in [0, 1], on the template."""
    p, eye = regions.p, regions.left_eye
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    recede = style.hairline + style.temples * smoothstep(0.015, 0.045, x)
    front = eye[2] + 0.062 + recede - 2.2 * np.maximum(x - 0.022, 0) ** 1.25
    # Seen from the side: forehead, temple, sideburn, around the ear, nape.
    back_to = [-0.13, -0.085, -0.068, -0.05, -0.035, -0.012, 0.005, 0.02, 0.10]
    side = np.interp(y, back_to, [0.80, 0.772, 0.735, 0.705, 0.712, 0.735, 0.70, 0.672, 0.662])
    blend = smoothstep(-0.10, -0.075, y)
    line = np.maximum(front, eye[2] - 0.01) * (1 - blend) + side * blend
    mask = smoothstep(-0.005, 0.012, z - line) * (1 - smoothstep(0.02, 0.2, regions.ears))
    grows: Array = (mask * regions.body).astype(np.float32)
    return grows


def _sow(head: Head, density: Array, count: int, rng: np.random.Generator) -> Roots:
    corners, places = hair.scatter(head.rest, head.topology.parts["body"], density, count, rng)
    at = head.topology.template[corners].mean(axis=1)
    _, axes = hair.frames(head.rest, corners)
    return Roots(corners, places, at, density[corners].mean(axis=1), axes[:, 2])


def _along_skin(directions: Array, normals: Array) -> Array:
    """Directions without their part along the normals."""
    along: Array = directions - (directions * normals).sum(axis=-1, keepdims=True) * normals
    return along


# -- the head -------------------------------------------------------------------------------------------


def _grow_hair(
    head: Head, regions: Regions, style: Hair, normals: Array, rng: np.random.Generator
) -> Strands:
    mask = scalp(regions, style)
    roots = _sow(head, mask, style.count, rng)
    # One subdivision is fine enough for an obstacle, and only scalp and forehead are in the way.
    first = head.topology.subdivisions[0].count
    in_the_way = ((mask > 0.01) | (head.topology.template[:, 2] > 0.74)) & (regions.body > 0)
    near = np.flatnonzero(in_the_way[:first])
    skull = Skull(head.rest[near], normals[near])
    return STYLES[style.style](head, style, roots, skull, rng)


def _short(head: Head, style: Hair, roots: Roots, skull: Skull, rng: np.random.Generator) -> Strands:
    """Short at the sides, longer on top, brushed up and back."""
    at, count = roots.at, len(roots)
    top = smoothstep(0.775, 0.815, at[:, 2] + 0.12 * np.maximum(-at[:, 1] - 0.06, 0))[:, None]
    quiff = smoothstep(-0.06, -0.10, at[:, 1])[:, None] * top
    temple = smoothstep(-0.05, -0.08, at[:, 1])[:, None] * (1 - top)
    sides = 0.011
    length = (sides + (style.length - sides) * top[:, 0]) * rng.uniform(0.75, 1.1, count)
    length *= 0.55 + 0.45 * smoothstep(0.2, 0.9, roots.density)  # shorter at the hairline
    layer = 0.003 + style.volume * top[:, 0] * rng.uniform(0.15, 1.0, count) ** 0.7
    down = np.array([0.0, 0.35, -1.0]) * (1 - temple) + np.array([0.0, 1.0, -0.15]) * temple
    wanted = np.array([-0.3, 1.0, 0.0]) * top + down * (1 - top)

    def comb(_: Array, normal: Array, share: float) -> Array:
        lift = (0.25 + 0.9 * quiff) * (1 - share) ** 1.2 * top + 0.12 * (1 - top)
        direction: Array = unit(_along_skin(wanted, normal)) * (1 - 0.45 * lift) + normal * lift
        return direction

    points = hair.grow(roots.places, skull, comb, length, layer, rng, points=8, clumps=520)
    return hair.root(head.rest, roots.corners, points, hair.taper(0.00018, count, 8), rng)


def _bun(head: Head, style: Hair, roots: Roots, skull: Skull, rng: np.random.Generator) -> Strands:
    """Drawn back smoothly from the hairline towards a knot at the back of the crown."""
    crown = head.rest[np.linalg.norm(head.topology.template - (0.0, 0.06, 0.79), axis=1).argmin()]
    span, count = np.linalg.norm(roots.places - crown, axis=1), len(roots)
    length = np.clip(span * 1.12, 0.015, style.length)
    layer = 0.002 + style.volume * rng.random(count) ** 1.5 * smoothstep(0.02, 0.10, span)

    def comb(here: Array, normal: Array, share: float) -> Array:
        flow = unit(crown - here) + np.array([0, 0.2, 0.3]) * (1 - share) ** 2
        return unit(_along_skin(flow, normal)) + normal * 0.08 * (1 - share) ** 2

    points = hair.grow(roots.places, skull, comb, length, layer, rng, points=14, clumps=900, stray=0.035)
    return hair.root(head.rest, roots.corners, points, hair.taper(0.00016, count, 14, tip=0.7), rng)


STYLES: dict[str, Callable[[Head, Hair, Roots, Skull, np.random.Generator], Strands]] = {
    "short": _short,
    "bun": _bun,
}


# -- the face -------------------------------------------------------------------------------------------


def _grow_brows(head: Head, regions: Regions, style: Brows, rng: np.random.Generator) -> Strands:
    eye = regions.left_eye

    def height_over_arch(points: Array, out: Array) -> Array:
        arch = eye[2] + 0.0195 + style.raised + 0.08 * out - 5.0 * (out - 0.006) ** 2
        height: Array = points[:, 2] - arch
        return height

    p = regions.p
    out = np.abs(p[:, 0]) - eye[0]  # from the middle of the eye outwards
    thick = style.thickness * np.interp(out, [-0.022, -0.012, 0.006, 0.026], [0.0032, 0.0040, 0.0032, 0.0010])
    mask = np.exp(-1.2 * (height_over_arch(p, out) / thick) ** 2)
    mask *= smoothstep(-0.0235, -0.017, out) * smoothstep(0.030, 0.020, out)
    mask *= (p[:, 1] < eye[1] + 0.02) * regions.body
    mask[mask < 0.05] = 0

    roots = _sow(head, mask, 2 * style.count, rng)
    count, normal = len(roots), roots.normals
    share = np.clip((np.abs(roots.at[:, 0]) - eye[0] + 0.022) / 0.048, 0, 1)  # nose to temple
    above = height_over_arch(roots.at, share * 0.048 - 0.022)
    rise = np.interp(share, [0, 0.15, 0.5, 1], [1.6, 0.8, 0.35, -0.25]) - np.clip(above / 0.004, -1, 1) * 0.35
    sideways = np.sign(roots.at[:, 0]) * np.interp(share, [0, 0.2, 1], [0.4, 1, 1])
    ahead = np.stack([sideways, 0.35 * share, rise], axis=1)
    ahead += rng.normal(size=ahead.shape) * 0.14
    ahead = unit(_along_skin(ahead, normal))[:, None]
    length = np.interp(share, [0, 0.3, 1], [0.0065, 0.0085, 0.006]) * rng.uniform(0.8, 1.15, count)
    t, normal = np.linspace(0, 1, 5)[None, :, None], normal[:, None]
    stroke = length[:, None, None] * t * (ahead + normal * (0.30 - 0.28 * t))
    points = roots.places[:, None] + stroke + normal * 0.0002
    return hair.root(head.rest, roots.corners, points, hair.taper(0.00011, count, 5, tip=0.1), rng)


def _grow_beard(head: Head, regions: Regions, style: Beard, rng: np.random.Generator) -> Strands:
    mask = regions.beard() ** 1.5
    mask[mask < 0.05] = 0
    roots = _sow(head, mask, style.count, rng)
    count, lip = len(roots), regions.lip_centre
    x, z = roots.at[:, 0], roots.at[:, 2]
    moustache = smoothstep(-0.002, 0.004, z - lip[2]) * smoothstep(0.04, 0.03, np.abs(x))
    down = np.stack(
        [x / 0.04 * (0.25 + 0.9 * moustache), np.full(count, -0.1), -1 + 0.55 * moustache], axis=1
    )
    flow = _along_skin(down, roots.normals)
    flow = unit(flow + rng.normal(size=flow.shape) * 0.22)[:, None]
    length = style.length * (1 - 0.45 * moustache) * rng.uniform(0.6, 1.15, count)
    length *= 0.35 + 0.65 * smoothstep(0.0, 0.35, roots.density)
    t = np.linspace(0, 1, 7)[None, :, None]
    bend = roots.normals[:, None] * (0.75 * t - 0.45 * t**2) + flow * t * (0.55 + 0.45 * t)
    curl = rng.normal(size=(count, 1, 3)) * 0.10 * np.sin(t * 4)
    points = roots.places[:, None] + length[:, None, None] * (bend + curl)
    return hair.root(head.rest, roots.corners, points, hair.taper(0.00022, count, 7), rng)


def _grow_lashes(head: Head, regions: Regions, length: float, rng: np.random.Generator) -> Strands:
    """Lashes in rows along the edges of the lids."""
    corners, points, widths = [], [], []
    for edge in lid_edges(head.topology, regions):
        upper, side = edge.upper, 1 if edge.left else -1
        share = rng.uniform(0.06, 1.0, 130) if upper else rng.uniform(0.15, 0.85, 40)  # nose to temple
        place = share * (len(edge.vertices) - 1)
        index = np.minimum(place.astype(int), len(edge.vertices) - 2)
        between = (place - index)[:, None]
        row = head.rest[edge.vertices]
        roots = row[index] * (1 - between) + row[index + 1] * between
        ball = head.rest[np.unique(head.topology.parts["eye_l" if edge.left else "eye_r"])].mean(axis=0)

        flat = np.ones_like(share)
        fan = np.stack(
            [side * (0.6 * (2 * share - 1) + 0.15), -flat, (0.10 if upper else -0.35) * flat], axis=1
        )
        ahead = unit(fan) + 0.35 * unit(roots - ball) + rng.normal(size=fan.shape) * 0.10
        size = length * (0.0068 if upper else 0.0030) * rng.uniform(0.8, 1.1, len(share))
        size *= np.interp(share, [0, 0.25, 0.75, 1], [0.45, 0.85, 1.05, 0.7])
        t = np.linspace(0, 1, 6)[None, :, None]
        curl = np.array([0, 0, 0.5 if upper else -0.35]) * t**2
        points.append(roots[:, None] + size[:, None, None] * (unit(ahead)[:, None] * t + curl))
        corners.append(edge.corners[index])
        widths.append(hair.taper(0.00013 if upper else 0.00008, len(share), 6, tip=0.05))
    placed, edges, half_width = (np.concatenate(values) for values in (points, corners, widths))
    return hair.root(head.rest, edges, placed, half_width, rng)
