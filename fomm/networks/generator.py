"""The occlusion-aware generator in two halves: what depends on the source alone, and what each frame
needs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from fomm.keypoints import Keypoints
from fomm.networks.blocks import ConvBlock, DownBlock, ResBlock, UpBlock
from fomm.networks.dense_motion import DenseMotion, DenseMotionNetwork
from fomm.networks.geometry import sample


@dataclass(frozen=True, eq=False)
class EncodedSource:
    """What the generator makes of a source once, for every frame.

    Attributes:
        features: `(B, F, H / 2^n, W / 2^n)` encoded source.
        small: `(B, C, h, w)` the source at the size of the dense motion.
    """

    features: Tensor
    small: Tensor

    def expand(self, batch: int) -> EncodedSource:
        """One source, repeated (as a view) for a batch of `batch` frames."""
        return EncodedSource(self.features.expand(batch, -1, -1, -1), self.small.expand(batch, -1, -1, -1))


class Generator(nn.Module):
    """Encodes the source, warps its features by the dense motion, dims what was occluded, and decodes.

    `generator(source, ...)` is `generator.decode(generator.encode(source), ...)`, to the bit.

    Args:
        num_channels: of the pictures.
        block_expansion: channels after the first convolution; each down block doubles them.
        max_features: up to this many.
        num_down_blocks: halvings of the size before the bottleneck.
        num_bottleneck_blocks: residual blocks at the smallest size.
        dense_motion: the network that estimates the motion.
        align_corners: see `fomm.networks.geometry`.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        block_expansion: int,
        max_features: int,
        num_down_blocks: int,
        num_bottleneck_blocks: int,
        dense_motion: DenseMotionNetwork,
        align_corners: bool,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.dense_motion_network = dense_motion
        widths = [min(max_features, block_expansion * 2**level) for level in range(num_down_blocks + 1)]
        self.first = ConvBlock(num_channels, widths[0], kernel_size=7)
        self.down_blocks = nn.ModuleList(DownBlock(before, after) for before, after in pairwise(widths))
        self.bottleneck = nn.Sequential()
        for index in range(num_bottleneck_blocks):
            self.bottleneck.add_module(f"r{index}", ResBlock(widths[-1]))
        self.up_blocks = nn.ModuleList(UpBlock(before, after) for before, after in pairwise(reversed(widths)))
        self.final = nn.Conv2d(widths[0], num_channels, 7, padding=3)

    def encode(self, source: Tensor) -> EncodedSource:
        """The half that depends on the source alone.

        Args:
            source: `(B, C, H, W)` in [0, 1]; H and W multiples of `2 ** num_down_blocks`.
        """
        features = self.first(source)
        for block in self.down_blocks:
            features = block(features)
        return EncodedSource(features, self.dense_motion_network.shrink(source))

    def decode(
        self, encoded: EncodedSource, source: Keypoints, driving: Keypoints
    ) -> tuple[Tensor, DenseMotion]:
        """The half that each frame needs.

        Args:
            encoded: the source.
            source: its keypoints.
            driving: the keypoints to move it to.

        Returns:
            The prediction `(B, C, H, W)` in [0, 1], and the motion it was made with.
        """
        motion: DenseMotion = self.dense_motion_network(encoded.small, source, driving)
        size = encoded.features.shape[2:]
        deformation = _resize(motion.deformation.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
        out = sample(encoded.features, deformation, align_corners=self.align_corners)
        if motion.occlusion is not None:
            out = out * _resize(motion.occlusion, size).to(out.dtype)
        out = self.bottleneck(out)
        for block in self.up_blocks:
            out = block(out)
        return self.final(out).sigmoid(), motion

    def forward(self, image: Tensor, source: Keypoints, driving: Keypoints) -> tuple[Tensor, DenseMotion]:
        """Both halves: `decode(encode(image), source, driving)`."""
        return self.decode(self.encode(image), source, driving)


def _resize(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """`(B, C, h, w)` to another size, bilinearly; as it is where the size fits already."""
    if maps.shape[2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
