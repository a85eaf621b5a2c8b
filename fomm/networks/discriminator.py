"""The multi-scale patch discriminator, for training with an adversarial loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.keypoints import Keypoints
from fomm.networks.geometry import gaussian_heatmaps


class _PatchBlock(nn.Module):
    def __init__(self, in_features: int, out_features: int, *, norm: bool, pool: bool, sn: bool) -> None:
        super().__init__()
        self.conv = _convolution(in_features, out_features, 4, sn=sn)
        self.norm = nn.InstanceNorm2d(out_features, affine=True) if norm else nn.Identity()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        out = F.leaky_relu(self.norm(self.conv(x)), 0.2)
        return F.avg_pool2d(out, 2) if self.pool else out


class Discriminator(nn.Module):
    """Tells real patches from generated ones, at one scale.

    Args:
        num_channels: of the pictures.
        block_expansion: half the channels of the first block; each further block doubles them.
        max_features: up to this many.
        num_blocks: of 4x4 convolutions.
        sn: spectral normalisation of every convolution.
        use_kp: whether it also sees the keypoints, as heatmaps.
        num_kp: how many.
        kp_variance: of these heatmaps, in squared half-widths.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        block_expansion: int,
        max_features: int,
        num_blocks: int,
        sn: bool,
        use_kp: bool,
        num_kp: int,
        kp_variance: float,
    ) -> None:
        super().__init__()
        self.use_kp = use_kp
        self.kp_variance = kp_variance
        widths = [min(max_features, block_expansion * 2 ** (level + 1)) for level in range(num_blocks)]
        inputs = [num_channels + (num_kp if use_kp else 0), *widths[:-1]]
        self.down_blocks = nn.ModuleList(
            _PatchBlock(before, after, norm=index > 0, pool=index < num_blocks - 1, sn=sn)
            for index, (before, after) in enumerate(zip(inputs, widths, strict=True))
        )
        self.conv = _convolution(widths[-1], 1, 1, sn=sn)

    def forward(self, image: Tensor, keypoints: Keypoints | None = None) -> tuple[list[Tensor], Tensor]:
        """Judge pictures.

        Args:
            image: `(B, C, H, W)` in [0, 1].
            keypoints: of the pictures; needed where the discriminator was made with `use_kp`.

        Returns:
            The features after each block, for a feature-matching loss, and the map of judgements
            `(B, 1, h, w)`, 1 for real.
        """
        out = image
        if self.use_kp:
            if keypoints is None:
                raise ValueError("this discriminator is conditioned on keypoints, and none were given")
            heatmaps = gaussian_heatmaps(keypoints.value, image.shape[2], image.shape[3], self.kp_variance)
            out = torch.cat([image, heatmaps.to(image.dtype)], dim=1)
        features = []
        for block in self.down_blocks:
            out = block(out)
            features.append(out)
        return features, self.conv(out)


class MultiScaleDiscriminator(nn.Module):
    """One `Discriminator` a scale.

    Args:
        scales: of the picture pyramid, e.g. (1, 0.5).
        discriminators: one for each of them.
    """

    def __init__(self, scales: Sequence[float], discriminators: Sequence[Discriminator]) -> None:
        super().__init__()
        self.scales = tuple(scales)
        # A module's name holds no dot: 0.5 is "0-5" in a checkpoint, and 1 is "1".
        names = [f"{scale:g}".replace(".", "-") for scale in self.scales]
        self.discs = nn.ModuleDict(dict(zip(names, discriminators, strict=True)))

    def forward(
        self, pyramid: dict[float, Tensor], keypoints: Keypoints | None = None
    ) -> dict[float, tuple[list[Tensor], Tensor]]:
        """Judge a pyramid of pictures.

        Args:
            pyramid: pictures `(B, C, H, W)` in [0, 1] by scale; each of `scales` is needed.
            keypoints: see `Discriminator`.

        Returns:
            What `Discriminator` gives, by scale.
        """
        return {
            scale: disc(pyramid[scale], keypoints)
            for scale, disc in zip(self.scales, self.discs.values(), strict=True)
        }


def _convolution(in_features: int, out_features: int, kernel_size: int, *, sn: bool) -> nn.Module:
    conv: nn.Module = nn.Conv2d(in_features, out_features, kernel_size)
    # The hook-based function, since its weight_orig, weight_u and weight_v are what the checkpoints hold.
    return nn.utils.spectral_norm(conv) if sn else conv
