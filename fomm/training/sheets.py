"""Sample sheets: what a model makes of the same few pairs, from time to time in its training."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fomm.animators.base import Frame
from fomm.config import VisualizerParams
from fomm.keypoints import Keypoints, relative_motion
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.geometry import sample
from fomm.training.dataset import ShownPair


@torch.no_grad()
def sheet(
    model: FirstOrderModel, pairs: Sequence[ShownPair], params: VisualizerParams, *, align_corners: bool
) -> Frame:
    """One row a pair: source, driving frame, warped source, occlusion (white where the source shows it), prediction.

    Args:
        model: in evaluation mode.
        pairs: what to show.
        params: how keypoints are drawn; their colours go round the rainbow.
        align_corners: the model's.

    Returns:
        `(rows * H, 5 W, 3)` uint8 RGB.
    """
    return np.concatenate([_row(model, pair, params, align_corners) for pair in pairs])


def _row(model: FirstOrderModel, pair: ShownPair, params: VisualizerParams, align_corners: bool) -> Frame:
    source, driving = (picture[None].to(model.device) for picture in (pair.source, pair.driving))
    here, there = model.detect(source), model.detect(driving)
    moved = there
    if pair.neutral is not None:
        moved = relative_motion(here, there, model.detect(pair.neutral[None].to(model.device)))
    prediction, motion = model.generator(source, here, moved)
    size = source.shape[2:]
    grid = F.interpolate(motion.deformation.permute(0, 3, 1, 2), size, mode="bilinear", align_corners=False)
    warped = sample(source, grid.permute(0, 2, 3, 1), align_corners=align_corners)
    seen = motion.occlusion if motion.occlusion is not None else torch.ones_like(source[:, :1])
    seen = F.interpolate(seen, size, mode="nearest").expand(-1, 3, -1, -1)
    cells = [
        _drawn(_frame(source), here, params),
        _drawn(_frame(driving), there, params),
        _frame(warped),
        _frame(seen),
        _frame(prediction),
    ]
    if params.draw_border:
        for cell in cells:
            cell[[0, -1]] = 255
            cell[:, [0, -1]] = 255
    return np.concatenate(cells, axis=1)


def _frame(picture: Tensor) -> Frame:
    pixels = picture[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray((pixels * 255).round().astype(np.uint8))


def _drawn(frame: Frame, keypoints: Keypoints, params: VisualizerParams) -> Frame:
    height, width = frame.shape[:2]
    places = (keypoints.value[0].cpu().numpy() + 1) / 2 * [width - 1, height - 1]
    # The published size is for frames of 256 pixels.
    radius = max(round(params.kp_size * height / 256), 1)
    for index, (x, y) in enumerate(places):
        colour = [round(255 * part) for part in colorsys.hsv_to_rgb(0.85 * index / len(places), 1, 1)]
        cv2.circle(frame, (round(float(x)), round(float(y))), radius, colour, -1, cv2.LINE_AA)
    return frame
