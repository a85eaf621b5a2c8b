"""A knitted top: a shell around the body, relaxed like cloth, open at the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.synthetic.arrays import Array, smoothstep
from fomm.synthetic.heads import Head
from fomm.synthetic.paint import Garment, Regions

#: Rounds of smoothing that take the collar bones and muscles out of the cloth.
_RELAX = 60


@dataclass(frozen=True)
class Shell:
    """Cloth over a body at rest.

    Attributes:
        over: `(S,)` the body's vertices that the shell follows.
        offset: `(S, 3)` from the body's vertex to the cloth's.
        faces: `(F, 4)` into the shell's vertices.
        height: `(S,)` height over the upper edge; fragments where it is positive are cut away.
    """

    over: Array
    offset: Array
    faces: Array
    height: Array


def sew(head: Head, regions: Regions, garment: Garment, normals: Array) -> Shell:
    """Fit a garment to a head's shoulders."""
    above = regions.above_neckline(garment)
    body = head.topology.parts["body"]
    covered = body[(above[body] < 0.010).all(axis=1)]
    over, flat = np.unique(covered, return_inverse=True)
    faces = flat.reshape(-1, 4).astype(np.int32)
    skin, out, height = head.rest[over], normals[over], above[over]

    a, b = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2).T
    degree = np.bincount(np.concatenate([a, b]), minlength=len(over))[:, None]
    free = smoothstep(0.0, -0.035, height)[:, None]
    cloth = skin + out * garment.thickness
    for _ in range(_RELAX):
        total = np.zeros_like(cloth)
        for axis in range(3):
            total[:, axis] = np.bincount(a, cloth[b, axis], len(over)) + np.bincount(
                b, cloth[a, axis], len(over)
            )
        cloth = cloth + 0.6 * free * (total / degree - cloth)
        gap = ((cloth - skin) * out).sum(axis=1, keepdims=True)
        cloth = cloth + out * np.maximum(garment.thickness - gap, 0)
    # The ribbed band is thicker, and its upper edge rolls a little away from the neck.
    band = smoothstep(-garment.collar - 0.002, -garment.collar + 0.002, height)
    roll = smoothstep(-0.006, 0.004, height)
    cloth = cloth + out * (0.0018 * band + 0.0016 * roll)[:, None]
    return Shell(over, (cloth - skin).astype(np.float32), faces, height)
