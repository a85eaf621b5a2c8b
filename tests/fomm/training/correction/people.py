"""Somebody who renders in no time, here and in other processes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fomm.synthetic.render import EglError
from fomm.training.correction.samples import Samples

PAIRS = 2


@dataclass
class Render:
    """Makes samples that say of whom they are, and notes in a folder who was asked for and by which process.

    Attributes:
        notes: that folder.
        faceless: in whom no face is found.
        without_egl: whether there is no off-screen OpenGL.
        pairs: of each person.
        closed: whether it was.
    """

    notes: Path
    faceless: tuple[int, ...] = ()
    without_egl: bool = False
    pairs: int = PAIRS
    closed: bool = False

    def __call__(self, number: int) -> Samples:
        if self.without_egl:
            raise EglError("no EGL; apt install it")
        (self.notes / str(number)).write_text(str(os.getpid()))
        if number in self.faceless:
            return {}
        rng = np.random.default_rng(number)
        cells = (self.pairs, 64, 64)
        return {
            "warp": rng.normal(0, 0.02, (*cells, 2)).astype(np.float16),
            "true": rng.normal(0, 0.02, (*cells, 2)).astype(np.float16),
            "visible": np.full(cells, 255, np.uint8),
            "inside": np.full(cells, 255, np.uint8),
            "matte": rng.integers(0, 256, cells, np.uint8),
            "driving_matte": rng.integers(0, 256, cells, np.uint8),
            "sketches": rng.integers(0, 256, (self.pairs, 6, 64, 64), np.uint8),
            "pose": np.full((self.pairs, 8), number % 10**6, np.float32),
        }

    def close(self) -> None:
        self.closed = True

    def asked(self) -> set[int]:
        return {int(path.name) for path in self.notes.iterdir()}
