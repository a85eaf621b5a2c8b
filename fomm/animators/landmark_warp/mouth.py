"""The inside of the mouth: what a portrait with closed lips has no pixels for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import DrivingFrame, Frame, Landmarks
from fomm.animators.landmark_warp.patch import Patch, blend, outline_mask
from fomm.landmarks import CHIN, FOREHEAD, INNER_LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mouth:
    """One source's mouth."""

    gap: float

    @classmethod
    def of(cls, pixels: Frame, landmarks: Landmarks) -> Mouth:
        return cls(gap=lip_gap(landmarks))

    def draw(self, out: Frame, target: Landmarks, driver: DrivingFrame | None, strength: float) -> None:
        outline = target[INNER_LIPS, :2]
        patch = Patch.around(outline, out.shape, margin=3)
        if patch is None: return
        mask = outline_mask(outline, patch, soften=1.0)
        blend(out, patch, np.full((*patch.shape, 3), (40, 15, 15), np.uint8), mask)


def lip_gap(l):
    return 0.0
