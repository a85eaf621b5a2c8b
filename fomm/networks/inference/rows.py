"""Residual blocks in fewer multiplications: Winograd's F(2, 3) and F(4, 3) from row to row.

Four rows of a 3x3 convolution's output see six rows of its input. Computed one by one, they take 4 x 3 one-row (1x3)
convolutions; as six sums of input rows, each convolved once and summed up again, they take 6. Two rows take 4 instead
of 6. (Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray, Fast algorithms for convolutional neural
networks, 2016.)

Along one axis alone, since it is rounding that limits how far this may go: sums are larger than what they make.
"""

from __future__ import annotations

import functools
import operator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.networks.inference.folding import Residual

#: Rows made at once → where the polynomials behind it are evaluated, infinity aside. Any places will do in exact
#: arithmetic; of those tried, these lose least to rounding.
_POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 1.0, -1.0, 0.6, -0.6)}


class RowConv(nn.Module):
    """A 3x3 convolution of a picture whose rows are dealt like cards, to two or four.

    Args:
        conv: the 3x3 convolution, of padding 1.
        count: to how many.

    Attributes:
        parts: the 1x3 convolutions.
    """

    before: Tensor
    after: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d, count: int) -> None:
        super().__init__()
        assert conv.bias is not None
        outer, inner, _, _ = conv.weight.shape
        to_output, of_kernel, of_input = row_algorithm(_POINTS[count])
        self.to_output, self.of_input = to_output.tolist(), of_input.tolist()
        self.parts = nn.ModuleList()
        for weights in of_kernel:
            part = nn.Conv2d(inner, outer, (1, 3), padding=(0, 1))
            rows = conv.weight.detach().unbind(dim=2)
            weight = sum(row * float(weight) for row, weight in zip(rows, weights, strict=True))
            assert isinstance(weight, Tensor)
            part.weight = nn.Parameter(weight[:, :, None], requires_grad=False)
            part.bias = nn.Parameter(torch.zeros(outer), requires_grad=False)
            self.parts.append(part)
        self.register_buffer("bias", conv.bias.detach()[:, None, None].clone())
        # Above the first hand's row is the last hand's one before, below the last hand's the first one's next. A
        # convolution of each channel with three taps moves and weighs them at once.
        first, last = self.of_input[0], self.of_input[-1]
        self.register_buffer("before", _column(first[0], first[count], 0.0).repeat(inner, 1, 1, 1))
        self.register_buffer("after", _column(0.0, last[1], last[-1]).repeat(inner, 1, 1, 1))

    def forward(
        self, rows: tuple[Tensor, ...], added: tuple[Tensor, ...] | None = None
    ) -> tuple[Tensor, ...]:
        """Each of `(B, in, H / count, W)` → as many of `(B, out, H / count, W)`, with `added` added."""
        products = [part(sums) for part, sums in zip(self.parts, self._sums(rows), strict=True)]
        sums = [self.bias] * len(rows) if added is None else [row + self.bias for row in added]
        return tuple(
            _weighted([1.0, *weights], (out, *products))
            for out, weights in zip(sums, self.to_output, strict=True)
        )

    def _sums(self, rows: tuple[Tensor, ...]) -> list[Tensor]:
        """The sums of rows that the parts convolve."""
        channels = rows[0].shape[1]
        first, *inner, last = self.of_input
        above = F.conv2d(rows[-1], self.before, padding=(1, 0), groups=channels)
        below = F.conv2d(rows[0], self.after, padding=(1, 0), groups=channels)
        return [
            _weighted([1.0, *first[1:-2]], (above, *rows[:-1])),
            *(_weighted(weights[1:-1], rows) for weights in inner),
            _weighted([1.0, *last[2:-1]], (below, *rows[1:])),
        ]


class RowResidual(nn.Module):
    """A `Residual` on dealt rows.

    Args:
        block: the original.
        count: see `RowConv`.
    """

    scale: Tensor | None
    offset: Tensor | None

    def __init__(self, block: Residual, count: int) -> None:
        super().__init__()
        self.register_buffer("scale", block.scale)
        self.register_buffer("offset", block.offset)
        self.conv1, self.conv2 = RowConv(block.conv1, count), RowConv(block.conv2, count)

    def forward(self, rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Each of `(B, C, H / count, W)` → the same shapes."""
        active = rows
        if self.scale is not None and self.offset is not None:
            active = tuple(x * self.scale + self.offset for x in rows)
        inner = self.conv1(tuple(F.relu(x) for x in active))
        made: tuple[Tensor, ...] = self.conv2(tuple(F.relu(x) for x in inner), rows)
        return made


class RowResiduals(nn.Module):
    """A chain of `Residual`s, computed several rows at a time.

    Args:
        blocks: the originals.
        count: rows at a time, 2 or 4.
    """

    def __init__(self, blocks: nn.Sequential, count: int) -> None:
        super().__init__()
        self.count = count
        self.blocks = nn.ModuleList()
        for block in blocks:
            assert isinstance(block, Residual)
            self.blocks.append(RowResidual(block, count))

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)`, H a multiple of `count` → the same shape."""
        batch, channels, height, width = x.shape
        # Rows side by side are one long row of the same memory.
        long = x.view(batch, channels, height // self.count, self.count * width)
        rows = torch.split(long, width, dim=3)
        for block in self.blocks:
            rows = block(rows)
        return torch.cat(rows, dim=3).view(batch, channels, height, width)


def row_algorithm(points: tuple[float, ...]) -> tuple[NDArray[np.float64], ...]:
    """Matrices A, G and B: n inputs d, convolved with three weights g, are the n - 2 outputs `A ((G g) * (B d))`.

    Polynomials are evaluated at points, multiplied there and interpolated (Toom and Cook). Rows of B are scaled to
    length 1, so that all of what is rounded is of one size.

    Args:
        points: n - 1 different ones; infinity is the last.

    Returns:
        A `(n - 2, n)`, G `(n, 3)` and B `(n, n)`.
    """
    count = len(points) + 1

    def powers(number: int) -> NDArray[np.float64]:
        return np.vstack([np.vander(points, number, increasing=True), np.eye(number)[-1:]])

    of_input = np.linalg.inv(powers(count)).T
    length = np.linalg.norm(of_input, axis=1, keepdims=True)
    of_input[np.abs(of_input) < 1e-12] = 0.0
    return powers(count - 2).T, powers(3) * length, of_input / length


def _weighted(weights: list[float], rows: tuple[Tensor, ...]) -> Tensor:
    """Their sum, without operations that do nothing."""
    scaled = [
        row if weight == 1 else row * weight for weight, row in zip(weights, rows, strict=True) if weight
    ]
    return functools.reduce(operator.add, scaled)


def _column(*taps: float) -> Tensor:
    return torch.tensor(taps).view(1, 1, 3, 1)
