"""The U-Net without normalisation layers, its upsampling on the small grids."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.networks.blocks import ConvBlock, Hourglass
from fomm.networks.inference.folding import folded
from fomm.networks.inference.upsampling import UpConv, UpForm

#: Below this many pixels a side, upsampling is left "direct": these layers wait for their weights to be read, and
#: summed kernels are 16/9 as large.
_SMALL = 8


class FoldedHourglass(nn.Module):
    """What comes out of a `Hourglass`, but for the input that it carries along.

    The first convolution is left to the caller, who may have part of its result already.

    Args:
        hourglass: the original.
        side: the shorter side of its input.
        up: how upsampling is written down.
    """

    def __init__(self, hourglass: Hourglass, *, side: int, up: UpForm) -> None:
        super().__init__()
        first, *rest = hourglass.encoder.down_blocks
        assert isinstance(first, ConvBlock)
        self.first = folded(first)
        self.down = nn.ModuleList(folded(block) for block in rest if isinstance(block, ConvBlock))
        self.up = nn.ModuleList()
        depth = len(self.down) + 1
        for level, block in zip(range(depth, 0, -1), hourglass.decoder.up_blocks, strict=True):
            assert isinstance(block, ConvBlock)
            small = side // 2**level < _SMALL
            self.up.append(UpConv(folded(block), "direct" if small else up))

    def forward(self, first: Tensor) -> Tensor:
        """What the first convolution gave, `(B, F, H, W)` → `(B, block_expansion, H, W)`."""
        levels = [F.avg_pool2d(F.relu(first), 2)]
        for conv in self.down:
            levels.append(F.avg_pool2d(F.relu(conv(levels[-1])), 2))
        out = levels.pop()
        *inner, outermost = self.up
        for block in inner:
            out = torch.cat([block(out), levels.pop()], dim=1)
        result: Tensor = outermost(out)
        return result
