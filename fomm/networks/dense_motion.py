"""From sparse keypoints to where every pixel comes from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fomm.keypoints import Keypoints, invert, multiply
from fomm.networks.blocks import AntiAliasDownscale, Hourglass
from fomm.networks.geometry import coordinate_grid, gaussian_heatmaps, sample


@dataclass(frozen=True, eq=False)
class DenseMotion:
    """Where each pixel of the driving frame comes from in the source.

    Attributes:
        deformation: `(B, h, w, 2)` float32 sampling grid driving→source, in [-1, 1], x first.
        mask: `(B, K + 1, h, w)` float32 weights of the background (first) and of each keypoint's local
            motion.
        occlusion: `(B, 1, h, w)` float32, 1 where the source shows the pixel, 0 where it must be invented;
            None in a model that does not estimate it.
        deformed: `(B, K + 1, C, h, w)` the small source, warped by each of these motions.
    """

    deformation: Tensor
    mask: Tensor
    occlusion: Tensor | None
    deformed: Tensor


class DenseMotionNetwork(nn.Module):
    """Blends the keypoints' local affine motions (first-order Taylor, Eq. 4-5 of the paper) into one dense
    grid.

    Args:
        num_kp: keypoints.
        num_channels: of the pictures.
        block_expansion: see `Hourglass`.
        max_features: see `Hourglass`.
        num_blocks: see `Hourglass`.
        estimate_occlusion_map: whether to predict what the source does not show.
        scale_factor: motion is estimated in pictures this much smaller.
        kp_variance: of the keypoint heatmaps, in squared half-widths.
        align_corners: see `fomm.networks.geometry`.
    """

    def __init__(
        self,
        *,
        num_kp: int,
        num_channels: int,
        block_expansion: int,
        max_features: int,
        num_blocks: int,
        estimate_occlusion_map: bool,
        scale_factor: float,
        kp_variance: float,
        align_corners: bool,
    ) -> None:
        super().__init__()
        self.kp_variance = kp_variance
        self.align_corners = align_corners
        self.hourglass = Hourglass(
            (num_kp + 1) * (num_channels + 1),
            block_expansion=block_expansion,
            max_features=max_features,
            num_blocks=num_blocks,
        )
        self.mask = nn.Conv2d(self.hourglass.out_features, num_kp + 1, 7, padding=3)
        self.occlusion = (
            nn.Conv2d(self.hourglass.out_features, 1, 7, padding=3) if estimate_occlusion_map else None
        )
        self.down = AntiAliasDownscale(num_channels, scale_factor) if scale_factor != 1 else nn.Identity()

    def shrink(self, source: Tensor) -> Tensor:
        """The small source that `forward` takes: `(B, C, H, W)` → `(B, C, h, w)`."""
        small: Tensor = self.down(source)
        return small

    def forward(self, small_source: Tensor, source: Keypoints, driving: Keypoints) -> DenseMotion:
        """Estimate the motion.

        Args:
            small_source: `(B, C, h, w)`, what `shrink` made of the source.
            source: its keypoints.
            driving: the keypoints to move it to.
        """
        batch, channels, height, width = small_source.shape
        motions = sparse_motions(source, driving, height, width)
        count = motions.shape[1]
        repeated = small_source[:, None].expand(-1, count, -1, -1, -1)
        deformed = sample(
            repeated.reshape(batch * count, channels, height, width),
            motions.view(batch * count, height, width, 2),
            align_corners=self.align_corners,
        ).view(batch, count, channels, height, width)
        heatmaps = self._heatmap_differences(source, driving, height, width).to(small_source.dtype)
        features = self.hourglass(torch.cat([heatmaps[:, :, None], deformed], dim=2).flatten(1, 2))
        mask = self.mask(features).float().softmax(dim=1)
        deformation = (motions * mask[..., None]).sum(dim=1)
        occlusion = None if self.occlusion is None else self.occlusion(features).float().sigmoid()
        return DenseMotion(deformation, mask, occlusion, deformed)

    def _heatmap_differences(self, source: Keypoints, driving: Keypoints, height: int, width: int) -> Tensor:
        moved = gaussian_heatmaps(driving.value, height, width, self.kp_variance)
        rest = gaussian_heatmaps(source.value, height, width, self.kp_variance)
        difference = moved - rest
        return torch.cat([torch.zeros_like(difference[:, :1]), difference], dim=1)


def sparse_motions(source: Keypoints, driving: Keypoints, height: int, width: int) -> Tensor:
    """Where each pixel comes from if it moved with one keypoint, for each keypoint, the background first.

    Returns:
        `(B, K + 1, height, width, 2)` float32.
    """
    grid = coordinate_grid(height, width, driving.value.device)
    offset = grid - driving.value.float()[:, :, None, None]
    if source.jacobian is not None and driving.jacobian is not None:
        frame = multiply(source.jacobian.float(), invert(driving.jacobian))
        offset = (offset.flatten(2, 3) @ frame.transpose(-2, -1)).view_as(offset)
    moved = offset + source.value.float()[:, :, None, None]
    background = grid.expand(moved.shape[0], 1, -1, -1, -1)
    return torch.cat([background, moved], dim=1)
