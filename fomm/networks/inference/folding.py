"""Batch normalisation folded into the convolutions around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fomm.networks.blocks import ConvBlock, ResBlock

#: Activations are shifted by no more than this many of their own typical size: further out, a shift and the one that
#: takes it back would cost digits.
_MOST_SHIFT = 100.0


def folded(block: ConvBlock) -> nn.Conv2d:
    """The convolution of a block, with its normalisation."""
    return fuse_conv_bn_eval(block.conv, block.norm)


class Residual(nn.Module):
    """A `ResBlock` whose second normalisation is in the first convolution, and the first one wherever it fits.

    `relu(a x + b) = a relu(x + b / a)` for positive `a`: the scale goes into the convolution that follows. The shift
    goes into whatever comes before: the block takes `x + shift` and gives `x + block(x) + wanted`.

    Args:
        block: the original.
        wanted: what the next block wants added, `(C,)`; zeros where none follows.
        shifted: whether the shift may go into what comes before. It makes the sum larger than the block alone would,
            which costs digits where these are few.

    Attributes:
        shift: what this one wants added, `(C,)`; zeros where the normalisation could not be folded.
    """

    shift: Tensor
    scale: Tensor | None
    offset: Tensor | None

    def __init__(self, block: ResBlock, wanted: Tensor, *, shifted: bool = True) -> None:
        super().__init__()
        scale, offset = affine(block.norm1)
        self.conv1 = fuse_conv_bn_eval(block.conv1, block.norm2)
        self.conv2 = nn.Conv2d(block.conv2.in_channels, block.conv2.out_channels, 3, padding=1)
        shift = shift_of(block) if shifted else None
        if shift is None:
            shift = torch.zeros_like(offset)
            self.register_buffer("scale", scale[:, None, None])
            self.register_buffer("offset", offset[:, None, None])
        else:
            self.scale = self.offset = None
            self.conv1.weight = nn.Parameter(self.conv1.weight * scale[:, None, None], requires_grad=False)
        self.register_buffer("shift", shift)
        assert block.conv2.bias is not None
        self.conv2.weight = nn.Parameter(block.conv2.weight.detach().clone(), requires_grad=False)
        self.conv2.bias = nn.Parameter((block.conv2.bias + wanted - shift).detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)`, with `shift` added → the same shape, with the next one's."""
        active = x if self.scale is None or self.offset is None else x * self.scale + self.offset
        out: Tensor = self.conv2(F.relu(self.conv1(F.relu(active))))
        return out + x


def residuals(blocks: nn.Sequential, *, shifted: bool = True) -> nn.Sequential:
    """A chain of `ResBlock`s, folded; its first block's `shift` is to be added to what goes in. See `Residual`."""
    chain: list[Residual] = []
    wanted: Tensor | None = None
    for block in reversed(list(blocks)):
        assert isinstance(block, ResBlock)
        if wanted is None:
            wanted = torch.zeros_like(block.norm1.bias)
        chain.append(Residual(block, wanted, shifted=shifted))
        wanted = chain[-1].shift
    return nn.Sequential(*reversed(chain))


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a normalisation does in evaluation mode: scale and offset, `(C,)` each."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale.detach(), (norm.bias - norm.running_mean * scale).detach()


def shift_of(block: ResBlock) -> Tensor | None:
    """What a block wants added so that its first normalisation is a scale alone; None where it cannot be."""
    scale, offset = affine(block.norm1)
    if not bool((scale > 0).all()):
        return None
    shift = offset / scale
    assert block.norm1.running_var is not None
    spread = block.norm1.running_var.sqrt().clamp_min(block.norm1.eps**0.5)
    return shift if bool((shift.abs() <= _MOST_SHIFT * spread).all()) else None
