"""Hair and beards that stand off the skin: layers of cropped or curly hair, hanging locks, knots and tails.

Layers are copies of the skin, each a little farther out, in which ever fewer hairs are left; locks are ribbons that
fray at their edges. Both are cut in cut.glsl and need a hundredth of what strands cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.synthetic import strands
from fomm.synthetic.arrays import Array, smoothstep, unit
from fomm.synthetic.figure import smooth_normals
from fomm.synthetic.hairdresser import scalp
from fomm.synthetic.heads import Head
from fomm.synthetic.paint import Regions
from fomm.synthetic.pairs.meshes import Hanging, OnSkin, Rigid, Worn, sheet
from fomm.synthetic.people import Hair

#: Points along a lock, and how far apart they are where it curls, metres.
_POINTS, _CURL_STEP = 11, 0.010


@dataclass(frozen=True)
class Hairdo:
    """How hair is worn.

    Attributes:
        kind: "layers" (cropped to curly), "locks" (hanging), "tied" (drawn back, in a knot or a tail).
        volume: metres that it stands off the skull.
        curl: 0 for straight, 1 for tight curls.
        length: of locks and tails, metres.
        parting: where locks part, metres to the subject's left.
        bangs: whether some fall over the forehead.
        knot: where it is tied: height over the eyes and depth behind the ears, metres; and the knot's radius.
        tail: whether a tail hangs from it.
        seed: settles the fall of the hair.
    """

    kind: str
    volume: float
    curl: float
    length: float
    parting: float
    bangs: bool
    knot: tuple[float, float, float]
    tail: bool
    seed: int

    @staticmethod
    def draw(rng: np.random.Generator) -> Hairdo:
        """Any."""
        kind = str(rng.choice(["layers", "locks", "tied"], p=[0.42, 0.40, 0.18]))
        curl = float(rng.choice([0, 0, 0.25, 0.6, 1])) if kind != "tied" else 0.0
        volume = rng.uniform(0.005, 0.014)
        if kind == "layers" and curl > 0.5:
            volume = rng.uniform(0.010, 0.042) * curl
        high = rng.random() < 0.5
        return Hairdo(
            kind=kind,
            volume=float(volume),
            curl=curl,
            length=float(rng.uniform(0.10, 0.34)),
            parting=float(rng.choice([0, 0.025, -0.025]) + rng.normal(0, 0.005)),
            bangs=bool(rng.random() < 0.3),
            knot=(
                float(rng.uniform(0.10, 0.125) if high else rng.uniform(0.0, 0.06)),
                float(rng.uniform(0.0, 0.05) if high else 0.085),
                float(rng.uniform(0.018, 0.038)),
            ),
            tail=bool(rng.random() < 0.4),
            seed=int(rng.integers(2**31)),
        )

    def fit(self, head: Head, regions: Regions, style: Hair) -> list[Worn]:
        """On somebody's head."""
        mask = scalp(regions, style)
        rng = np.random.default_rng(self.seed)
        if self.kind == "layers":
            count = 6 if self.volume < 0.02 else 9
            return [_layers(head, mask, self.volume * np.sqrt(mask), count, self.curl)]
        if self.kind == "locks":
            return [_layers(head, mask, 0.004 * mask, 2, 0.0), self._locks(head, regions, mask, rng)]
        return [_layers(head, mask, 0.005 * mask, 3, 0.0), *self._tied(head, regions, rng)]

    def _locks(self, head: Head, regions: Regions, mask: Array, rng: np.random.Generator) -> Worn:
        p = regions.p
        curly = self.curl > 0.5
        points = int(np.clip(self.length / _CURL_STEP, 14, 30)) if curly else _POINTS
        count = 3800 // points
        _, places = strands.scatter(head.rest, head.topology.parts["body"], mask, count, rng)
        eyes = head.rest[np.unique(head.topology.parts["eye_l"])].mean(axis=0)
        lift = float(eyes[2] - regions.left_eye[2])
        front = places[:, 1] < -0.105
        banged = front & (np.abs(places[:, 0]) < 0.045) & self.bangs
        obstacle = np.flatnonzero((regions.body > 0) & (regions.mouth < 0.1) & (p[:, 2] > 0.42))
        skull = strands.Skull(
            head.rest[obstacle], smooth_normals(head.rest, head.topology.parts["body"])[obstacle]
        )
        length = np.where(
            banged, rng.uniform(0.05, 0.075, count), self.length * rng.uniform(0.75, 1.1, count)
        )
        length = length + np.where(banged, 0, 0.5 * np.clip(places[:, 2] - eyes[2], 0, 0.1))
        order = rng.random(count)
        side = np.tanh((places[:, 0] - self.parting) / 0.008)

        def comb(here: Array, normal: Array, share: float) -> Array:
            high = smoothstep(0.0, 0.07, here[:, 2] - eyes[2])[:, None] * (1 - 0.5 * share)
            face = (smoothstep(-0.085, -0.11, here[:, 1]) * smoothstep(0.075, 0.055, here[:, 2] - eyes[2]))[
                :, None
            ]
            aside = np.stack([side, np.full(count, 0.45), np.full(count, -0.6)], axis=1)
            down = np.array([0.0, 0.12, -1.0])
            flow = (
                aside * high + down * (1 - high) + face * np.stack([side, 0 * side + 1.1, 0 * side], axis=1)
            )
            fall = np.stack([0.25 * np.sign(here[:, 0]), np.full(count, -0.5), np.full(count, -0.9)], axis=1)
            flow = np.where(banged[:, None], fall, flow)
            # Along the skull as far as it carries; then nothing holds it, but it cannot go in.
            outwards = (flow * normal).sum(axis=1, keepdims=True)
            return unit(flow - np.where(outwards > 0, high * outwards, outwards) * normal)

        layer = self.volume * (0.35 + 0.9 * order) + 0.002
        grown = strands.grow(places, skull, comb, length, layer, rng, points=points, clumps=40, stray=0.05)
        return self._ribbons(grown, length, order, lift, rng)

    def _ribbons(
        self, grown: Array, length: Array, order: Array, lift: float, rng: np.random.Generator
    ) -> Worn:
        count, points = grown.shape[:2]
        centre = np.array([0.0, -0.04, 0.72 + lift])
        out = grown - centre
        out[..., 2] = np.clip(out[..., 2], 0, None)
        out = unit(out)
        ahead = unit(np.gradient(grown, axis=1))
        across = unit(np.cross(ahead, out))
        t = np.linspace(0, 1, points)[None]
        waves = {0.0: 0.0, 0.25: 0.0035, 0.6: 0.007, 1.0: 0.010}[self.curl] * smoothstep(0.05, 0.3, t)
        pitch = np.interp(self.curl, [0, 0.25, 1], [0.12, 0.09, 0.042])
        phase = (rng.uniform(0, 2 * np.pi, (count, 1)) * (0.3 + 0.7 * self.curl)) + 2 * np.pi * t * length[
            :, None
        ] / pitch
        grown = grown + (waves * np.sin(phase))[..., None] * across
        grown = grown + (waves * (1 + np.cos(phase)) * 0.6)[..., None] * out
        half = 0.0075 * (0.55 + 0.45 * smoothstep(0.0, 0.25, t)) * rng.uniform(0.7, 1.25, (count, 1))
        half = half * (1.5 if self.curl > 0.5 else 1.0)
        side = np.array([-1.0, 1.0])
        vertices = grown[:, :, None] + half[:, :, None, None] * across[:, :, None] * side[:, None]
        normals = unit(out[:, :, None] + 0.7 * across[:, :, None] * side[:, None])
        rest = np.empty((count, points, 2, 3), np.float32)
        rest[..., 0], rest[..., 1] = side, t[..., None]
        rest[..., 2] = np.arange(count)[:, None, None]
        traits = np.zeros((count, points, 2, 4), np.float32)
        traits[..., 0] = order[:, None, None]
        traits[..., 1] = length[:, None, None]
        quads = sheet(points, 2)[None] + (np.arange(count) * points * 2)[:, None, None]
        flat = vertices.reshape(-1, 3).astype(np.float32)
        share = smoothstep(0.575 + lift, 0.665 + lift, flat[:, 2]).astype(np.float32)
        carrier = Hanging(flat, normals.reshape(-1, 3).astype(np.float32), share)
        return Worn("LOCK", quads.reshape(-1, 4), rest.reshape(-1, 3), traits.reshape(-1, 4), carrier)

    def _tied(self, head: Head, regions: Regions, rng: np.random.Generator) -> list[Worn]:
        eyes = head.rest[np.unique(head.topology.parts["eye_l"])].mean(axis=0)
        up, back, radius = self.knot
        wanted = np.array([0.0, back - 0.045, regions.left_eye[2] + up])
        near = np.where(regions.body > 0, ((regions.p - wanted) ** 2).sum(axis=1), np.inf).argmin()
        skin = head.rest[near] * [0, 1, 1]
        away = unit(skin - (eyes * [0, 0, 1] + [0, -0.045, 0.03]))
        centre = skin + away * radius * 0.75
        rows, columns = 10, 18
        rise = np.linspace(-np.pi / 2, np.pi / 2, rows)[:, None]
        turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
        ball = np.stack(
            [np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise) + 0 * turn], -1
        )
        swirl = 1 + 0.07 * np.sin(3 * turn + 5 * rise)[..., None]
        size = radius * (0.55 if self.tail else 1.0)
        vertices = (centre + ball * swirl * size * [1.1, 1.0, 0.9]).reshape(-1, 3).astype(np.float32)
        quads = sheet(rows, columns, closed=True)
        grid = np.broadcast_arrays(np.sin(turn + 2 * rise), rise / np.pi + 0.5, 0.0)
        lines = np.stack(grid, axis=-1)
        traits = np.tile(np.array([0.7, 0.1, 0, 0], np.float32), (rows * columns, 1))
        knot = Worn(
            "KNOT", quads, lines.reshape(-1, 3), traits, Rigid(vertices, smooth_normals(vertices, quads))
        )
        if not self.tail:
            return [knot]
        count = 60
        t = np.linspace(0, 1, _POINTS)[None, :, None]
        spread = rng.normal(size=(count, 1, 3)) * [1, 0.7, 0.3]
        start = centre + away * radius * 0.4
        aside = float(rng.choice([-1, 0, 1]))
        bow = away * 0.05 * np.sin(np.pi * np.clip(1.4 * t, 0, 1)) + np.array([0.05 * aside, 0.02, 0]) * t
        length = self.length * rng.uniform(0.8, 1.1, count)
        hang = start + bow + np.array([0, 0, -1.0]) * t**1.5 * length[:, None, None]
        hang = hang + spread * (0.005 + 0.012 * np.sin(np.pi * t**0.8))
        return [
            knot,
            self._ribbons(hang, length, rng.random(count), float(eyes[2] - regions.left_eye[2]), rng),
        ]


#: Shapes of beards, and how often each is worn.
BEARDS = {
    "full": 0.4,
    "moustache": 0.15,
    "goatee": 0.15,
    "chin": 0.08,
    "strap": 0.08,
    "handlebar": 0.07,
    "sides": 0.07,
}


def beard(regions: Regions, shape: str) -> Array:
    """Where a beard of this shape grows, `(N,)` in [0, 1], on the template."""
    full, p, lip = regions.beard(), regions.p, regions.lip_centre
    x, z = np.abs(p[:, 0]), p[:, 2] - lip[2]
    above = smoothstep(-0.001, 0.003, z) * smoothstep(0.042, 0.036, x)
    within: dict[str, Array] = {
        "full": np.ones_like(full),
        "moustache": above,
        "goatee": smoothstep(0.031, 0.025, x),
        "chin": smoothstep(0.024, 0.018, x) * smoothstep(-0.006, -0.011, z),
        "strap": 1 - regions.blob((0.0, lip[1], lip[2]), (0.042, 0.05, 0.032)) ** 0.35,
        "handlebar": np.maximum(above, smoothstep(0.014, 0.019, x) * smoothstep(0.036, 0.031, x)),
        "sides": smoothstep(0.040, 0.048, x),
    }
    grows: Array = (full * within[shape]).astype(np.float32)
    return grows


def beard_layers(head: Head, regions: Regions, mask: Array, length: float) -> Worn:
    """A beard that stands off the skin, longest at the chin."""
    low = smoothstep(0.01, -0.05, regions.p[:, 2] - regions.lip_centre[2])
    return _layers(
        head, mask, mask * (0.003 + length * (0.25 + 0.75 * low)), 4 if length < 0.012 else 7, 0.35
    )


def _layers(head: Head, mask: Array, height: Array, count: int, curl: float) -> Worn:
    """Layers of hair up to a height `(N,)` over the skin where the mask `(N,)` is not 0."""
    body = head.topology.parts["body"]
    quads = body[(mask[body] > 0.03).any(axis=1)]
    used, flat = np.unique(quads, return_inverse=True)
    quads, template = flat.reshape(-1, 4), head.topology.template
    shares = np.linspace(1 / count, 1, count)
    # From outside in: what is hidden is not painted.
    shares = shares[::-1]
    over = np.tile(used, count)
    share = np.repeat(shares, len(used))
    traits = np.zeros((len(over), 4), np.float32)
    traits[:, 0], traits[:, 1], traits[:, 2] = share, mask[over], curl
    traits[:, 3] = height.max()
    faces = quads[None] + (np.arange(count) * len(used))[:, None, None]
    carrier = OnSkin(over, (height[over] * share).astype(np.float32))
    return Worn("LAYER", faces.reshape(-1, 4), template[over], traits, carrier)
