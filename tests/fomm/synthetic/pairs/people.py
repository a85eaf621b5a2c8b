"""Somebody to draw, for tests of what is worn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.pairs.characters import Character
from fomm.synthetic.pairs.drawing import Drawn, Stage

SIZE = 128
TURNED = Pose({"jawOpen": 0.4}, yaw=18, pitch=6, roll=-7, sway=(0.004, 0.002))


def plain(heads: HeadFactory, seed: int = 5, **other: object) -> Character:
    """Somebody shaven with nothing on, close to the camera."""
    drawn = Character.draw(np.random.default_rng(seed), heads.changes)
    bare = replace(drawn, glasses=None, hat=None, shell=False, hairdo=None, bushy=0.0, stubble=0.0, hand=None)
    seen = replace(bare, skin=(0.9, 0.75, 0.65), height=0.26, distance=1.0, eyes_at=(0.5, 0.5))
    return replace(seen, **other)


def pair(stage: Stage, character: Character, driving: Pose = TURNED) -> Drawn:
    """At rest, and then in another pose."""
    return stage.pair(stage.actor(character), Pose(), driving, np.full((SIZE, SIZE, 3), 0.5, np.float32))


def moved(mask: np.ndarray, drawn: Drawn, where: np.ndarray) -> np.ndarray:
    """What a mask of the source frame says where the driving frame's pixels were."""
    there = np.round((drawn.motion[where] + 1) / 2 * (SIZE - 1)).astype(int).clip(0, SIZE - 1)
    return mask[there[:, 1], there[:, 0]]
