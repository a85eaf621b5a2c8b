"""The generator, rewritten."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.networks.blocks import ConvBlock
from fomm.networks.generator import Generator
from fomm.networks.inference.folding import Residual, folded, residuals
from fomm.networks.inference.upsampling import UpConv, UpForm

#: Channels of the features are sampled in groups of this many at the least, each as if it were a picture of its own:
#: sampling runs in parallel over pictures, hardly over channels.
_GROUP = 8


class InferenceGenerator(nn.Module):
    """See `Generator`, of which the dense motion is apart.

    Args:
        generator: the original.
        up: how upsampling is written down.
        shifted: see `Residual`.
    """

    shift: Tensor

    def __init__(self, generator: Generator, *, up: UpForm, shifted: bool = True) -> None:
        super().__init__()
        self.align_corners = generator.align_corners
        self.first = folded(generator.first)
        self.down = nn.ModuleList(
            folded(block) for block in generator.down_blocks if isinstance(block, ConvBlock)
        )
        self.bottleneck = residuals(generator.bottleneck, shifted=shifted)
        first = next(iter(self.bottleneck), None)
        shift = first.shift if isinstance(first, Residual) else torch.zeros(1)
        self.register_buffer("shift", shift[:, None, None].clone())
        self.up = nn.ModuleList(
            UpConv(folded(block), up) for block in generator.up_blocks if isinstance(block, ConvBlock)
        )
        self.final = nn.Conv2d(generator.final.in_channels, generator.final.out_channels, 7, padding=3)
        self.final.load_state_dict(generator.final.state_dict())
        self.final.requires_grad_(False)

    def encode(self, source: Tensor) -> Tensor:
        """`(B, C, H, W)` in [0, 1] → features `(B, F, H / 2^n, W / 2^n)`, in float32 for the sampling."""
        features = F.relu(self.first(source))
        for conv in self.down:
            features = F.avg_pool2d(F.relu(conv(features)), 2)
        return features.float().contiguous()

    def forward(self, features: Tensor, deformation: Tensor, occlusion: Tensor | None) -> Tensor:
        """Warp, dim and decode: `paint(warp(...))`.

        Args:
            features: of the source; a batch of 1 serves several motions.
            deformation: `(B, h, w, 2)` float32.
            occlusion: `(B, 1, h, w)` float32, or None.

        Returns:
            Pictures `(B, C, H, W)` float32 in [0, 1].
        """
        return self.paint(self.warp(features, deformation, occlusion))

    def warp(self, features: Tensor, deformation: Tensor, occlusion: Tensor | None) -> Tensor:
        """The geometry of `forward`: warped and dimmed features `(B, F, H / 2^n, W / 2^n)`, in float32."""
        size = features.shape[2:]
        grid = _resize(deformation.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
        out = sample_groups(features, grid, align_corners=self.align_corners)
        if occlusion is not None:
            out = out * _resize(occlusion, size)
        return out + self.shift.float()

    def paint(self, warped: Tensor) -> Tensor:
        """The rest of it, in whatever precision the weights have."""
        out = self.bottleneck(warped.to(self.shift.dtype))
        for block in self.up:
            out = block(out)
        pictures: Tensor = self.final(out)
        return pictures.float().sigmoid()


def sample_groups(features: Tensor, grid: Tensor, *, align_corners: bool) -> Tensor:
    """Bilinear samples, zero outside; see `fomm.networks.geometry.sample`.

    Args:
        features: `(B, C, H, W)` or `(1, C, H, W)` float32, contiguous.
        grid: `(B, h, w, 2)` float32.

    Returns:
        `(B, C, h, w)`.
    """
    batch, channels = len(grid), features.shape[1]
    if len(features) != 1 or channels % _GROUP:
        return F.grid_sample(features.expand(batch, -1, -1, -1), grid, align_corners=align_corners)
    groups = channels // _GROUP
    height, width = grid.shape[1:3]
    # All frames' grids below one another are one grid, since they sample the same features.
    tall = grid.reshape(1, batch * height, width, 2).expand(groups, -1, -1, -1)
    out = F.grid_sample(features.view(groups, _GROUP, *features.shape[2:]), tall, align_corners=align_corners)
    return out.view(channels, batch, height, width).transpose(0, 1)


def _resize(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """`(B, C, h, w)` to another size, bilinearly; as it is where the size fits already."""
    if maps.shape[2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
