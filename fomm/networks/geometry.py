"""Grids, heatmaps and sampling: the geometry shared by the networks, always in float32.

Convention: coordinates are x first, in [-1, 1]. Grids put -1 and 1 on the outermost pixel *centres*, which is
what `grid_sample` calls `align_corners=True` and what the published checkpoints were trained with.
`align_corners=False` reproduces the reference code as it runs on torch 1.3 and later, which samples about
half a pixel off.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def coordinate_grid(height: int, width: int, device: torch.device) -> Tensor:
    """`(height, width, 2)` float32 positions of the pixel centres, x first."""
    x = torch.arange(width, device=device, dtype=torch.float32) * (2 / max(width - 1, 1)) - 1
    y = torch.arange(height, device=device, dtype=torch.float32) * (2 / max(height - 1, 1)) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)


def gaussian_heatmaps(centres: Tensor, height: int, width: int, variance: float) -> Tensor:
    """Gaussians of peak 1 about keypoints.

    Args:
        centres: `(B, K, 2)` in [-1, 1].
        height: of the heatmaps, in pixels.
        width: of the heatmaps, in pixels.
        variance: in squared half-widths.

    Returns:
        `(B, K, height, width)` float32.
    """
    offset = coordinate_grid(height, width, centres.device) - centres.float()[:, :, None, None]
    return torch.exp(offset.square().sum(dim=-1) * (-0.5 / variance))


def soft_argmax(heatmaps: Tensor) -> Tensor:
    """The mean position under each heatmap.

    Args:
        heatmaps: `(B, K, H, W)`, each summing to 1.

    Returns:
        `(B, K, 2)` float32 in [-1, 1].
    """
    grid = coordinate_grid(heatmaps.shape[2], heatmaps.shape[3], heatmaps.device)
    return (heatmaps.float()[..., None] * grid).sum(dim=(2, 3))


def sample(images: Tensor, grid: Tensor, *, align_corners: bool) -> Tensor:
    """Bilinear samples of `images` at `grid`, zero outside.

    Args:
        images: `(B, C, H, W)`, any floating type, which the result keeps.
        grid: `(B, h, w, 2)` float32. Half precision would place samples a tenth of a pixel off, so the
            sampling itself runs in float32.
        align_corners: see the module's convention.

    Returns:
        `(B, C, h, w)`.
    """
    sampled = F.grid_sample(images.float(), grid.float(), align_corners=align_corners)
    return sampled.to(images.dtype)
