"""The building blocks of all four networks."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """Convolution that keeps the size, batch normalisation, ReLU."""

    def __init__(self, in_features: int, out_features: int, *, kernel_size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, kernel_size, padding=kernel_size // 2)
        self.norm = nn.BatchNorm2d(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, H, W)` → `(B, out, H, W)`."""
        return F.relu(self.norm(self.conv(x)), inplace=True)


class DownBlock(ConvBlock):
    """A `ConvBlock`, then half the size."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, H, W)` → `(B, out, H / 2, W / 2)`."""
        return F.avg_pool2d(super().forward(x), 2)


class UpBlock(ConvBlock):
    """Twice the size, then a `ConvBlock`."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, H, W)` → `(B, out, 2 H, 2 W)`."""
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class ResBlock(nn.Module):
    """Two pre-activated 3x3 convolutions around a skip connection."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(features)
        self.norm2 = nn.BatchNorm2d(features)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` → the same shape."""
        out: Tensor = self.conv1(F.relu(self.norm1(x), inplace=True))
        out = self.conv2(F.relu(self.norm2(out), inplace=True))
        return out + x


class _Encoder(nn.Module):
    def __init__(self, in_features: int, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(
            DownBlock(before, after) for before, after in pairwise([in_features, *widths])
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class _Decoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        blocks = []
        for level in reversed(range(1, len(widths))):
            # All but the deepest level arrive joined with the encoder's features of the same size.
            joined = 1 if level == len(widths) - 1 else 2
            blocks.append(UpBlock(joined * widths[level], widths[level - 1]))
        self.up_blocks = nn.ModuleList(blocks)

    def forward(self, levels: list[Tensor]) -> Tensor:
        *skips, out = levels
        for block, skip in zip(self.up_blocks, reversed(skips), strict=True):
            out = torch.cat([block(out), skip], dim=1)
        return out


class Hourglass(nn.Module):
    """A U-Net whose output keeps the input's size and carries the input along.

    Args:
        in_features: channels of the input.
        block_expansion: channels of the outermost level; each level inwards doubles them.
        max_features: up to this many.
        num_blocks: levels. The input's height and width must be multiples of `2 ** num_blocks`.
    """

    def __init__(self, in_features: int, *, block_expansion: int, max_features: int, num_blocks: int) -> None:
        super().__init__()
        widths = [min(max_features, block_expansion * 2**level) for level in range(num_blocks + 1)]
        self.encoder = _Encoder(in_features, widths[1:])
        self.decoder = _Decoder(widths)
        self.out_features = widths[0] + in_features

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in_features, H, W)` → `(B, out_features, H, W)`."""
        features: Tensor = self.decoder(self.encoder(x))
        return features


class AntiAliasDownscale(nn.Module):
    """A Gaussian blur that removes what the smaller picture cannot hold, then every n-th pixel.

    Args:
        channels: of the pictures.
        scale: the factor, in (0, 1]; 1 does nothing.
    """

    weight: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        sigma = (1 / scale - 1) / 2
        radius = round(sigma * 4)
        offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
        profile = torch.exp(-offsets.square() / (2 * max(sigma, 1e-6) ** 2))
        kernel = torch.outer(profile, profile)
        self.register_buffer("weight", (kernel / kernel.sum()).expand(channels, 1, -1, -1).clone())

    def forward(self, image: Tensor) -> Tensor:
        """`(B, C, H, W)` → `(B, C, scale H, scale W)`."""
        if self.scale == 1:
            return image
        step = round(1 / self.scale)
        padding = self.weight.shape[-1] // 2
        channels = image.shape[1]
        if abs(step * self.scale - 1) < 1e-6:
            # Only the pixels that are kept are blurred.
            return F.conv2d(image, self.weight, stride=step, padding=padding, groups=channels)
        blurred = F.conv2d(image, self.weight, padding=padding, groups=channels)
        return F.interpolate(blurred, scale_factor=self.scale, mode="nearest")
