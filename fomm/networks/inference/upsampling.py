"""Nearest-neighbour upsampling followed by a 3x3 convolution, without the larger picture in between.

Of the 3x3 taps that one pixel of the larger picture sees, some fall on the same pixel of the smaller one. Added up
beforehand, each of the four phases (even and odd rows and columns) is a 2x2 convolution of the smaller picture:
16 products where there were 36.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: How it is written down; the best depends on what executes it.
#: "direct": upsampling, then the 3x3 convolution, as the networks are published.
#: "transpose": a transposed 4x4 convolution of stride 2 and padding 1, whose taps are those of the four phases.
#: "phases": one 2x2 convolution to four times the channels, then put in order.
UpForm = Literal["direct", "transpose", "phases"]

#: Taps of a 3-tap kernel that fall on the two pixels which an even (odd) output pixel sees.
_EVEN, _ODD = ((0,), (1, 2)), ((0, 1), (2,))


class UpConv(nn.Module):
    """Twice the size, a 3x3 convolution, ReLU.

    Args:
        conv: the 3x3 convolution, of padding 1.
        form: see `UpForm`.
    """

    def __init__(self, conv: nn.Conv2d, form: UpForm) -> None:
        super().__init__()
        self.form = form
        inner, outer = conv.in_channels, conv.out_channels
        if form == "direct":
            self.conv: nn.Conv2d | nn.ConvTranspose2d = nn.Conv2d(inner, outer, 3, padding=1)
            weight = conv.weight
        elif form == "transpose":
            self.conv = nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1)
            weight = transposed(conv.weight)
        else:
            self.conv = nn.Conv2d(inner, 4 * outer, 2, padding=1)
            weight = phases(conv.weight).flatten(0, 1)
        assert conv.bias is not None
        bias = conv.bias.repeat(4) if form == "phases" else conv.bias
        self.conv.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
        self.conv.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, H, W)` → `(B, out, 2 H, 2 W)`."""
        if self.form == "direct":
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.conv(x)
        return F.relu(interleave(x) if self.form == "phases" else x)


def phases(weight: Tensor) -> Tensor:
    """3x3 kernels `(out, in, 3, 3)` → those of the phases, `(4, out, in, 2, 2)`: even-even, even-odd, odd-even,
    odd-odd rows and columns."""
    return torch.stack(
        [
            torch.stack(
                [torch.stack([_tap(weight, up, left) for left in columns], dim=-1) for up in rows],
                dim=-2,
            )
            for rows in (_EVEN, _ODD)
            for columns in (_EVEN, _ODD)
        ]
    )


def _tap(weight: Tensor, rows: tuple[int, ...], columns: tuple[int, ...]) -> Tensor:
    return sum((weight[..., row, column] for row in rows for column in columns), torch.zeros(()))


def transposed(weight: Tensor) -> Tensor:
    """3x3 kernels `(out, in, 3, 3)` → the 4x4 ones of a transposed convolution, `(in, out, 4, 4)`."""
    of_phase = phases(weight)
    kernel = weight.new_zeros((*weight.shape[:2], 4, 4))
    # Output row 2 i + p takes tap 2 i + p - 2 r + 1 of input row r: even rows see r = i - 1, i with taps 3, 1;
    # odd rows see r = i, i + 1 with taps 2, 0.
    for p in range(2):
        for q in range(2):
            kernel[..., 1 - p :: 2, 1 - q :: 2] = of_phase[2 * p + q].flip(-2, -1)
    return kernel.transpose(0, 1).contiguous()


def interleave(x: Tensor) -> Tensor:
    """Phases as a padded 2x2 convolution gives them, put in order: `(B, 4 C, H + 1, W + 1)` → `(B, C, 2 H, 2 W)`.

    The odd phases are one row (column) further on, so that pixel `(2 i + p, 2 j + q)` is at `(i + p, j + q)` of
    phase `(p, q)`: strides alone express it, and the copy is the only one.
    """
    batch, channels, height, width = x.shape
    channels //= 4
    b, c, h, w = x.stride()
    view = x.as_strided(
        (batch, channels, height - 1, 2, width - 1, 2),
        (b, c, h, 2 * channels * c + h, w, channels * c + w),
        x.storage_offset(),
    )
    return view.reshape(batch, channels, 2 * (height - 1), 2 * (width - 1))
