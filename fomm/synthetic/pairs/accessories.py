"""Glasses, hats, scarves and headphones: hard things that go with the head, sized to each one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array, smoothstep, unit
from fomm.synthetic.figure import smooth_normals
from fomm.synthetic.heads import Head
from fomm.synthetic.paint import Colour, Regions
from fomm.synthetic.pairs.meshes import Hanging, Worn, joined, rigid, sheet, tube

_FRAMES = ((0.03, 0.03, 0.03), (0.10, 0.06, 0.04), (0.55, 0.42, 0.20), (0.62, 0.63, 0.65), (0.35, 0.05, 0.06))

#: What a hat's lower edge falls by from the forehead backwards, metres a metre.
HAT_SLOPE = 0.4


@dataclass(frozen=True)
class Glasses:
    """Glasses.

    Attributes:
        half: half width and half height of a lens, metres.
        square: 2 for an ellipse, larger for squarer lenses.
        sweep: how far the outer corners are drawn up, or down as an aviator's, metres.
        thick: radius of the frame, metres.
        rimless_below: whether the frame runs along the top only.
        dark: 0 for clear lenses, else how dark sunglasses are.
        colour: of the frame, sRGB.
        low: how far down the nose they sit, metres.
    """

    half: tuple[float, float]
    square: float
    sweep: float
    thick: float
    rimless_below: bool
    dark: float
    colour: Colour
    low: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Glasses:
        """Any."""
        wire = rng.random() < 0.4
        frame = np.array(_FRAMES[int(rng.integers(len(_FRAMES)))] if rng.random() < 0.8 else rng.random(3))
        red, green, blue = np.clip(frame * rng.uniform(0.7, 1.3), 0, 1)
        return Glasses(
            half=(float(rng.uniform(0.0225, 0.0285)), float(rng.uniform(0.0145, 0.0225))),
            square=float(rng.choice([2.0, 2.4, 3.2, 5.0])),
            sweep=float(rng.choice([0, 0, 0.003, -0.003])),
            thick=float(rng.uniform(0.0006, 0.0011) if wire else rng.uniform(0.0013, 0.0028)),
            rimless_below=bool(rng.random() < 0.12),
            dark=float(rng.uniform(0.7, 1)) if rng.random() < 0.12 else 0.0,
            colour=(float(red), float(green), float(blue)),
            low=float(rng.uniform(0, 0.006)),
        )

    def fit(self, head: Head, regions: Regions) -> list[Worn]:
        """On somebody's nose."""
        front, across, height = _front_of(head, regions)
        count, (a, b) = 32, self.half
        turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
        x = a * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / self.square)
        z = b * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / self.square)
        z = z + self.sweep * (x / a) * smoothstep(-b, b, z if self.sweep > 0 else -z)
        middle = max(across * 0.97, a + 0.0085)
        z = z + height - 0.002 - self.low
        outline = np.stack([middle + x, np.zeros(count), z], axis=1)
        # Outside the skin almost everywhere, at a distance at which glasses are worn.
        skin = front(outline[:, 0], outline[:, 2])
        plane = np.clip(np.quantile(skin, 0.1) - 0.003 - self.thick, skin.min() - 0.006, None)

        def bent(points: Array) -> Array:
            points = points.copy()
            points[:, 1] += plane + 1.6 * (points[:, 0] - 0.012) ** 2
            return points

        frames, lenses = [], []
        for side in (1, -1):
            rim = outline * [side, 1, 1]
            top = rim[: count // 2 + 1] if self.rimless_below else rim
            frames.append(tube(bent(top), self.thick, closed=not self.rimless_below))
            centre = np.array([side * middle, 0, height - 0.002 - self.low])
            rings = [bent(centre + (rim - centre) * share) for share in (1.0, 0.6, 0.02)]
            for ring, bulge in zip(rings, (0.0, 0.0010, 0.0016), strict=True):
                ring[:, 1] -= bulge
            lenses.append((np.concatenate(rings), sheet(3, count, closed=True)[:, ::side]))
            frames.append(self._temple(head, regions, side, bent(outline)[1]))
        nose = np.linspace(-1, 1, 7)[:, None]
        gap = middle - a
        bridge = np.hstack([nose * gap, 0 * nose, height + 0.3 * b - self.low + 0.0035 * (1 - nose**2)])
        bridge = bent(bridge)
        over = front(bridge[:, 0], bridge[:, 2]) - self.thick - 0.001
        bridge[:, 1] = np.minimum(bridge[:, 1], over)
        frames.append(tube(bridge, max(self.thick, 0.001)))
        vertices, quads = joined(frames)
        lens, faces = joined(lenses)
        made = [rigid("HARD", vertices, quads, vertices, _coat(vertices, self.colour, 0.7))]
        if self.dark:
            shade = (0.09 * (2 - self.dark), 0.07, 0.06)
            made.append(rigid("HARD", lens, faces, lens, _coat(lens, shade, 0.95)))
        else:
            made.append(rigid("LENS", lens, faces, lens, _coat(lens, (1, 1, 1), 1.0)))
        return made

    def _temple(self, head: Head, regions: Regions, side: int, hinge: Array) -> tuple[Array, Array]:
        """From the hinge to the ear, and down behind it."""
        ear = head.rest[regions.ears > 0.3]
        ear = ear[ear[:, 0] * side > 0]
        high = ear[:, 2].max() - 0.006
        root = np.abs(ear[:, 0]).min() + 0.001
        start = hinge * [side, 1, 1]
        behind = ear[:, 1].mean() - 0.004
        path = np.array(
            [
                start,
                start + np.array([side * 0.003, 0.004, 0]),
                [side * (root + 0.002), behind - 0.02, high],
                [side * root, behind, high],
                [side * (root - 0.002), behind + 0.012, high - 0.01],
                [side * (root - 0.004), behind + 0.018, high - 0.028],
            ]
        )
        flat = np.tile([[[0.0010, max(self.thick, 0.0012) * 1.3]]], (len(path), 1, 1))
        return tube(path, flat)


@dataclass(frozen=True)
class Hat:
    """Something on the head.

    Attributes:
        kind: beanie, cap, brim, band, scarf or phones.
        line: how high over the brows it begins, template metres.
        colour: sRGB; trim: of a fold, a band or a visor.
        high: how far it stands off the crown, metres.
        reach: of visor or brim, metres.
        tilt: degrees to a side.
        knit: its pattern: 0 plain, 1 ribs, 2 checks.
    """

    kind: str
    line: float
    colour: Colour
    trim: Colour
    high: float
    reach: float
    tilt: float
    knit: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Hat:
        """Any."""
        kind = str(rng.choice(list(HATS), p=[0.24, 0.22, 0.16, 0.10, 0.14, 0.14]))
        colour = rng.uniform(0.04, 0.95) * rng.uniform(0.6, 1.0, 3)
        trim = colour * rng.uniform(0.5, 1.3) if rng.random() < 0.6 else rng.uniform(0.04, 0.9, 3)
        return Hat(
            kind=kind,
            line=float(rng.uniform(0.026, 0.044)),
            colour=_colour(colour),
            trim=_colour(trim),
            high=float(rng.uniform(0, 0.035)),
            reach=float(rng.uniform(0.055, 0.085) if kind == "cap" else rng.uniform(0.035, 0.085)),
            tilt=float(rng.normal(0, 3)),
            knit=float(rng.choice([0, 1, 1, 2]) if kind in {"beanie", "band"} else rng.choice([0, 0, 2])),
        )

    @property
    def covers_hair(self) -> bool:
        """Whether no hair is seen above its edge, or none at all with a scarf."""
        return self.kind not in {"band", "phones"}

    def fit(self, head: Head, regions: Regions, *, hair: float = 0.0) -> list[Worn]:
        """On somebody's head, over hair that stands so many metres off it."""
        return HATS[self.kind](self, _Crown(head, regions, self, hair * _PRESSED[self.kind]))


class _Crown:
    """The upper part of a skull as hats see it: how far its hull reaches into each direction."""

    def __init__(self, head: Head, regions: Regions, hat: Hat, hair: float) -> None:
        p = regions.p
        self._hair = hair
        self.head, self.regions = head, regions
        upper = (regions.body > 0) & (regions.ears < 0.05)
        upper &= (p[:, 2] > 0.765) | ((p[:, 1] > -0.04) & (p[:, 2] > 0.69))
        points = head.rest[upper]
        self.middle = (points.min(axis=0) + points.max(axis=0)) / 2
        self.middle[2] = head.rest[upper & (p[:, 2] > 0.75)][:, 2].min()
        self._points = points - self.middle
        eyes = head.rest[np.unique(head.topology.parts["eye_l"])].mean(axis=0)
        brow = eyes[2] + 0.025
        front = points[:, 1].min()
        tilt = np.tan(np.radians(hat.tilt))

        def edge(x: Array, y: Array) -> Array:
            height: Array = brow + hat.line - HAT_SLOPE * (y - front) + tilt * x
            return height

        self.edge = edge

    def reach(self, directions: Array) -> Array:
        """`(...)` metres from the middle to the hull's tangent planes, hair included."""
        hull: Array = (directions @ self._points.T).max(axis=-1) + self._hair
        return hull

    def dome(self, rows: int, columns: int, *, off: float, up_to: float = 90.0) -> tuple[Array, Array]:
        """`(rows, columns, 3)` points from the edge up, `off` metres outside; and the share of the way up."""
        turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
        low = np.zeros(columns)
        for _ in range(4):
            at = self._towards(turn, low)
            at = at * (self.reach(at) + off)[:, None] + self.middle
            wanted = self.edge(at[:, 0], at[:, 1]) - self.middle[2]
            low = np.arcsin(np.clip(wanted / np.linalg.norm(at - self.middle, axis=1), -0.7, 0.9))
        share = np.linspace(0, 1, rows)[:, None]
        rise = low + share * (np.radians(up_to) - low)
        ways = self._towards(np.broadcast_to(turn, rise.shape), rise)
        return self.middle + ways * (self.reach(ways) + off)[..., None], np.broadcast_to(share, rise.shape)

    @staticmethod
    def _towards(turn: Array, rise: Array) -> Array:
        """Directions by turn around the head, 0 in front, and elevation."""
        level = np.cos(rise)
        return np.stack([level * np.sin(turn), -level * np.cos(turn), np.sin(rise)], axis=-1)


def _beanie(hat: Hat, crown: _Crown) -> list[Worn]:
    points, share = crown.dome(14, 40, off=0.007)
    away = unit(points - crown.middle)
    fold = smoothstep(0.42, 0.34, share) * 0.005
    slouch = hat.high * smoothstep(0.45, 1.0, share)
    points = points + away * fold[..., None] + slouch[..., None] * [0, 0.5, 0.8]
    inside = points[:1] - away[:1] * 0.009
    return [_cloth(hat, np.concatenate([inside, points]), trim=share < 0.38)]


def _cap(hat: Hat, crown: _Crown) -> list[Worn]:
    points, share = crown.dome(11, 40, off=0.006)
    points = points + 0.3 * hat.high * smoothstep(0.1, 0.8, share)[..., None] * [0, 0, 1.0]
    made = [_cloth(hat, points, trim=share < -1)]
    # From one temple to the other, curved down at its sides.
    turn = np.linspace(-1.05, 1.05, 21)
    columns = np.interp(np.mod(turn, 2 * np.pi), np.linspace(0, 2 * np.pi, 41), np.arange(41))
    first, part = np.floor(columns).astype(int), (columns % 1)[:, None]
    edge = points[0, first % 40] * (1 - part) + points[0, (first + 1) % 40] * part
    out = np.linspace(0, 1, 6)[:, None, None]
    length = hat.reach * (np.cos(turn / 1.05 * np.pi / 2) ** 0.6)[None, :, None]
    ahead = np.stack([0.35 * np.sin(turn), -np.ones_like(turn), np.full_like(turn, -0.42)], axis=1)
    visor = edge[None] + out * length * ahead[None] + [0, 0, 0.001]
    visor[..., 2] -= 0.022 * np.sin(turn)[None] ** 2 * out[..., 0]
    # Two sheets: it is seen from below as well, and is thick.
    both = np.concatenate([visor, visor[::-1] - [0, 0, 0.003]])
    made.append(_cloth(hat, both, trim=np.ones(both.shape[:2], bool), closed=False))
    return made


def _brim(hat: Hat, crown: _Crown) -> list[Worn]:
    points, share = crown.dome(12, 44, off=0.006)
    top = points[..., 2].max() + 0.4 * hat.high
    # A crown with upright sides: what a dome draws in is pushed out again, and flattened.
    flat = points - crown.middle
    wide = np.linalg.norm(points[0] - crown.middle, axis=1)[None]
    level = np.linalg.norm(flat[..., :2], axis=-1)
    push = 1 + smoothstep(0.0, 0.45, share) * smoothstep(1.0, 0.75, share) * (
        0.9 * wide / (level + 0.02) - 1
    ).clip(0, 0.35)
    points = points.copy()
    points[..., :2] = crown.middle[:2] + flat[..., :2] * push[..., None]
    points[..., 2] = np.minimum(
        points[..., 2] + 0.4 * hat.high * share,
        top - 0.012 * smoothstep(0.4, 0, np.abs(points[..., 0]) / 0.05),
    )
    rim = points[0]
    away = unit((rim - crown.middle) * [1, 1, 0])
    out = np.linspace(1, 0, 6)[:, None, None]
    curl = 0.25 * np.abs(away[:, :1]) ** 2 - 0.12
    brim = rim[None] + hat.reach * (out * away[None] + out**2 * curl[None] * [0, 0, 1.0])
    under = brim[::-1] - [0, 0, 0.003]
    return [
        _cloth(hat, points, trim=share < 0.3),
        _cloth(hat, np.concatenate([under, brim]), trim=np.zeros((12, 44), bool)),
    ]


def _band(hat: Hat, crown: _Crown) -> list[Worn]:
    points, share = crown.dome(20, 40, off=0.006)
    points, share = points[:7], share[:7]
    return [_cloth(hat, points, trim=share < 0)]


def _scarf(hat: Hat, crown: _Crown) -> list[Worn]:
    """Around face and neck, as a headscarf is tied: rings from the face's edge to the back of the head."""
    head, regions = crown.head, crown.regions
    p = regions.p
    around = (regions.body > 0) & (p[:, 2] > 0.575) & (np.abs(p[:, 0]) < 0.088)
    points = head.rest[around]
    middle = np.array([0.0, crown.middle[1], head.rest[around & (p[:, 2] > 0.6)][:, 2].mean() - 0.03])
    turn = np.linspace(0, 2 * np.pi, 44, endpoint=False)
    rows = 14
    # The face's opening, seen from the middle: forehead, cheeks, under the chin.
    upwards = np.cos(turn)
    opening = np.radians(np.interp(upwards, [-1, -0.5, 0, 0.6, 1], [47, 40, 37, 39, 37]) + 60 * hat.line)
    share = np.linspace(0, 1, rows)[:, None]
    theta = opening + share * (np.pi - opening)
    ways = np.stack([np.sin(theta) * np.sin(turn), -np.cos(theta), np.sin(theta) * np.cos(turn)], axis=-1)
    reach = (ways @ (points - middle).T).max(axis=-1) + 0.008
    made = middle + ways * reach[..., None]
    made += 0.003 * np.sin(turn * 9 + 6 * share)[..., None] * ways * (ways[..., 2:] < 0)
    vertices = made.reshape(-1, 3).astype(np.float32)
    quads = sheet(rows, 44, closed=True)
    hang = smoothstep(0.585, 0.66, vertices[:, 2]).astype(np.float32)
    carrier = Hanging(vertices, smooth_normals(vertices, quads), hang)
    return [Worn("CLOTH", quads, _pattern(vertices), _coat(vertices, hat.colour, hat.knit), carrier)]


def _phones(hat: Hat, crown: _Crown) -> list[Worn]:
    """Headphones: a bow over the crown, and a cup over each ear."""
    ears = crown.head.rest[crown.regions.ears > 0.3]
    pieces, colours = [], []
    side = np.linspace(-1, 1, 25)
    angle = side * np.pi / 2 * 1.12
    ways = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    half = np.abs(ears[:, 0]).max()
    bow = crown.middle + ways * (crown.reach(ways) + 0.010 + 0.006 * side**2)[:, None]
    bow[:, 1] = ears[:, 1].mean() - 0.004
    bow[:, 0] = np.sign(bow[:, 0]) * np.minimum(np.abs(bow[:, 0]), half + 0.012)
    pieces.append(tube(bow, np.tile([[[0.010, 0.0035]]], (25, 1, 1)), sides=8))
    colours.append(np.tile(hat.colour, (len(pieces[-1][0]), 1)))
    for sign in (1, -1):
        centre = np.array([sign * half, ears[:, 1].mean() - 0.004, ears[:, 2].mean()])
        profile = np.array(
            [[-0.024, 0.034], [-0.010, 0.038], [0.002, 0.037], [0.010, 0.031], [0.015, 0.018], [0.016, 0.001]]
        )
        around = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        cup = np.stack(
            [
                np.repeat(profile[:, :1], 20, axis=1) * sign,
                0.85 * profile[:, 1:] * np.cos(around) * sign,
                profile[:, 1:] * np.sin(around),
            ],
            axis=-1,
        )
        pieces.append(((centre + cup).reshape(-1, 3), sheet(6, 20, closed=True)))
        pad = np.repeat(np.arange(6) < 2, 20)[:, None]
        colours.append(np.where(pad, 0.06, np.array(hat.trim)))
    vertices, quads = joined(pieces)
    traits = np.hstack([np.concatenate(colours), np.full((len(vertices), 1), 0.3)])
    return [rigid("HARD", vertices, quads, vertices, traits)]


#: Ways of covering a head, by name.
HATS: dict[str, Callable[[Hat, _Crown], list[Worn]]] = {
    "beanie": _beanie,
    "cap": _cap,
    "brim": _brim,
    "band": _band,
    "scarf": _scarf,
    "phones": _phones,
}


#: How much of the hair's height is left under each; hats hide it.
_PRESSED = {"beanie": 0.0, "cap": 0.0, "brim": 0.0, "band": 1.0, "scarf": 0.0, "phones": 0.4}


def _cloth(hat: Hat, grid: Array, *, trim: Array, closed: bool = True) -> Worn:
    """Cloth over a grid `(R, C, 3)`; where `trim`, `(R or less, C)`, says so in the other colour."""
    rows, columns = grid.shape[:2]
    vertices = grid.reshape(-1, 3)
    traits = _coat(vertices, hat.colour, hat.knit)
    marked = np.concatenate([np.repeat(trim[:1], rows - len(trim), axis=0), trim]).ravel()
    traits[marked, :3] = hat.trim
    return rigid("CLOTH", vertices, sheet(rows, columns, closed=closed), _pattern(vertices), traits)


def _pattern(vertices: Array) -> Array:
    """Coordinates for weave: turn around the head in radians, height and depth in metres."""
    return np.stack(
        [np.arctan2(vertices[:, 0], 0.05 - vertices[:, 1]), vertices[:, 2], vertices[:, 1]], axis=1
    )


def _coat(vertices: Array, colour: Colour, last: float) -> Array:
    """`(M, 4)` traits: one colour, and gloss or pattern."""
    return np.tile(np.array([*colour, last], np.float32), (len(vertices), 1))


def _front_of(head: Head, regions: Regions) -> tuple[Callable[[Array, Array], Array], float, float]:
    """How far forward the skin is at `(x, z)`; half the distance of the eyes; their height."""
    p = regions.p
    skin = head.rest[(regions.body > 0) & (p[:, 1] < -0.09) & (p[:, 2] > 0.69) & (regions.mouth < 0.1)]
    eyes = [head.rest[np.unique(head.topology.parts[name])].mean(axis=0) for name in ("eye_l", "eye_r")]

    def front(x: Array, z: Array) -> Array:
        gap = (skin[None, :, 0] - x[:, None]) ** 2 + (skin[None, :, 2] - z[:, None]) ** 2
        near = np.argpartition(gap, 3, axis=1)[:, :3]
        foremost: Array = skin[near, 1].min(axis=1)
        return foremost

    return front, float(eyes[0][0] - eyes[1][0]) / 2, float(eyes[0][2] + eyes[1][2]) / 2


def _colour(values: Array) -> Colour:
    red, green, blue = np.clip(values, 0, 1)
    return float(red), float(green), float(blue)
