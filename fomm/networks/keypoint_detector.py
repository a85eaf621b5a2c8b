"""Where the object's parts are, and how each is turned and stretched."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fomm.keypoints import Keypoints
from fomm.networks.blocks import AntiAliasDownscale, Hourglass
from fomm.networks.geometry import soft_argmax


class KeypointDetector(nn.Module):
    """Keypoints as the mean positions under heatmaps, with Jacobians averaged under the same heatmaps.

    Args:
        num_kp: keypoints to find.
        num_channels: of the pictures.
        block_expansion: see `Hourglass`.
        max_features: see `Hourglass`.
        num_blocks: see `Hourglass`.
        temperature: of the softmax that makes heatmaps; lower is sharper.
        estimate_jacobian: False makes a zero-order model.
        scale_factor: keypoints are found in a picture this much smaller.
        single_jacobian_map: one map of Jacobians for all keypoints, not one each.
        pad: zero padding of the two 7x7 heads; the published models have none.
    """

    def __init__(
        self,
        *,
        num_kp: int,
        num_channels: int,
        block_expansion: int,
        max_features: int,
        num_blocks: int,
        temperature: float,
        estimate_jacobian: bool,
        scale_factor: float,
        single_jacobian_map: bool,
        pad: int,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.predictor = Hourglass(
            num_channels, block_expansion=block_expansion, max_features=max_features, num_blocks=num_blocks
        )
        self.kp = nn.Conv2d(self.predictor.out_features, num_kp, 7, padding=pad)
        self.jacobian: nn.Conv2d | None = None
        if estimate_jacobian:
            maps = 1 if single_jacobian_map else num_kp
            self.jacobian = nn.Conv2d(self.predictor.out_features, 4 * maps, 7, padding=pad)
            # Training starts from the identity everywhere.
            nn.init.zeros_(self.jacobian.weight)
            with torch.no_grad():
                assert self.jacobian.bias is not None
                self.jacobian.bias.copy_(torch.eye(2).flatten().repeat(maps))
        # Named only where it does something: at scale 1 a checkpoint has no such buffer.
        self.down = AntiAliasDownscale(num_channels, scale_factor) if scale_factor != 1 else nn.Identity()

    def forward(self, image: Tensor) -> Keypoints:
        """Find the keypoints.

        Args:
            image: `(B, C, H, W)` in [0, 1].

        Returns:
            Keypoints in float32, whatever precision the network runs in.
        """
        features = self.predictor(self.down(image))
        # float32 before the division: half-precision logits over a temperature of 0.1 overflow.
        logits = self.kp(features).float() / self.temperature
        heatmaps = logits.flatten(2).softmax(dim=-1).view_as(logits)
        if self.jacobian is None:
            return Keypoints(soft_argmax(heatmaps))
        maps = self.jacobian(features).float().unflatten(1, (-1, 4))
        jacobian = (heatmaps[:, :, None] * maps).sum(dim=(3, 4)).unflatten(-1, (2, 2))
        return Keypoints(soft_argmax(heatmaps), jacobian)
