"""Weights rounded so that what the convolution makes of real pictures changes least.

Rounded one by one, weights are each as near as can be; but inputs are alike, neighbouring pixels above all, and so
their errors add up. Here the weights not yet rounded take up the error of each that is (Frantar et al., GPTQ, 2023:
from the covariance of the inputs), and the bias takes up what the mean input makes of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Network = TypeVar("Network", bound=nn.Module)
Conv = nn.Conv2d | nn.ConvTranspose2d

#: Of each picture, so many places are looked at.
_PLACES = 1024
#: Above this many weights an output channel, each is rounded alone: their covariance would take too long.
#: These are the innermost layers, of few pixels.
_MOST = 4096
#: Columns between two updates of all that follow.
_BLOCK = 128
#: Of the mean variance, added to each: what places not looked at may be like.
_DAMPING = 0.01

#: Of a transposed 4x4 convolution of stride 2 and padding 1: which rows or columns, of three, the even (odd) outputs
#: see, and the taps that these meet.
_PHASES = (((0, 1), (3, 1)), ((1, 2), (2, 0)))


@dataclass(frozen=True, eq=False)
class Seen:
    """A convolution's inputs on real pictures.

    Attributes:
        values: `(C, N)` some of them, with the extremes of each channel.
        mean: `(K,)` of patches: what one output sees, in the order of the weights; 3x3 where these are transposed.
        covariance: `(K, K)` of patches; None where there are too many weights.
    """

    values: Tensor
    mean: Tensor
    covariance: Tensor | None

    def scaled(self, factors: Tensor) -> Seen:
        """The same with each channel multiplied by a factor."""
        each = factors.repeat_interleave(len(self.mean) // len(factors))
        covariance = None if self.covariance is None else self.covariance * each[:, None] * each
        return Seen(self.values * factors[:, None], self.mean * each, covariance)


def watch(network: Network, calibrate: Callable[[Network], None]) -> dict[str, tuple[Conv, Seen]]:
    """What the convolutions of a network are given, those that are given any.

    Args:
        network: float32, on the CPU.
        calibrate: runs it on real pictures.
    """
    watchers = {
        name: _Watcher(module) for name, module in network.named_modules() if isinstance(module, Conv)
    }
    hooks = [watcher.conv.register_forward_pre_hook(watcher.note) for watcher in watchers.values()]
    try:
        with torch.inference_mode():
            calibrate(network)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (watcher.conv, watcher.seen()) for name, watcher in watchers.items() if watcher.places}


def rounded(
    conv: Conv, weight: Tensor, seen: Seen, to_grid: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Weights on a grid, and the bias to go with them.

    Args:
        conv: whose they are.
        weight: in its shape.
        seen: its inputs.
        to_grid: rounds weights `(out,)` to numbers that there are, each by itself.
    """
    weight = weight.clone()
    biases = []
    for place, columns in _parts(conv):
        rows = weight[place]
        if isinstance(conv, nn.ConvTranspose2d):
            rows = rows.transpose(0, 1)
        shape = rows.shape
        rows = rows.flatten(1)
        covariance = None if seen.covariance is None else seen.covariance[columns][:, columns]
        near = _each(rows, to_grid) if covariance is None else _compensated(rows, covariance, to_grid)
        biases.append((rows - near) @ seen.mean[columns])
        near = near.view(shape)
        weight[place] = near.transpose(0, 1) if isinstance(conv, nn.ConvTranspose2d) else near
    bias = torch.stack(biases).mean(dim=0)
    return weight, bias if conv.bias is None else bias + conv.bias.detach()


def _parts(conv: Conv) -> Iterator[tuple[tuple[slice | Tensor, ...], Tensor]]:
    """Where in the weights the sums of one output are, and which of a patch they meet."""
    if isinstance(conv, nn.Conv2d):
        yield (slice(None),), torch.arange(conv.weight[0].numel())
        return
    assert conv.kernel_size == (4, 4)
    patch = torch.arange(9 * conv.in_channels).view(-1, 3, 3)
    for rows, row_taps in _PHASES:
        for columns, column_taps in _PHASES:
            taps = torch.tensor(row_taps)[:, None], torch.tensor(column_taps)
            pixels = torch.tensor(rows)[:, None], torch.tensor(columns)
            yield (slice(None), slice(None), *taps), patch[:, pixels[0], pixels[1]].flatten()


def _each(rows: Tensor, to_grid: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.stack([to_grid(column) for column in rows.unbind(dim=1)], dim=1)


def _compensated(rows: Tensor, covariance: Tensor, to_grid: Callable[[Tensor], Tensor]) -> Tensor:
    """Column after column, each error taken up by the columns that follow."""
    rows = rows.clone()
    damped = covariance + covariance.diag().mean().clamp_min(1e-12) * _DAMPING * torch.eye(len(covariance))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    spread = torch.linalg.cholesky(inverse, upper=True)
    near = torch.empty_like(rows)
    for start in range(0, rows.shape[1], _BLOCK):
        block = slice(start, min(start + _BLOCK, rows.shape[1]))
        left, within = rows[:, block].clone(), spread[block, block]
        errors = torch.empty_like(left)
        for index in range(left.shape[1]):
            column = to_grid(left[:, index])
            near[:, start + index] = column
            errors[:, index] = (left[:, index] - column) / within[index, index]
            left[:, index:] -= errors[:, index, None] * within[index, index:]
        rows[:, block.stop :] -= errors @ spread[block, block.stop :]
    return near


class _Watcher:
    """Adds up what one convolution is given."""

    def __init__(self, conv: Conv) -> None:
        self.conv = conv
        assert not isinstance(conv.padding, str)
        transposed = isinstance(conv, nn.ConvTranspose2d)
        self.size = (3, 3) if transposed else conv.kernel_size
        self.stride = (1, 1) if transposed else conv.stride
        self.padding = (1, 1) if transposed else conv.padding
        self.values: list[Tensor] = []
        self.sum = self.squares = torch.zeros(())
        self.places = 0
        self.random = torch.Generator().manual_seed(0)

    def note(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """A hook before the convolution."""
        for x in inputs[0].detach():
            pixels = x.flatten(1)
            some = pixels[:, torch.randint(pixels.shape[1], (_PLACES // 2,), generator=self.random)]
            self.values += [some, pixels.amin(dim=1, keepdim=True), pixels.amax(dim=1, keepdim=True)]
            patches = self._patches(x)
            self.sum = self.sum + patches.sum(dim=0)
            if patches.shape[1] <= _MOST:
                self.squares = self.squares + patches.t() @ patches
            self.places += len(patches)

    def seen(self) -> Seen:
        """All of it."""
        mean = self.sum / self.places
        covariance = None
        if self.squares.ndim:
            covariance = self.squares / self.places - mean[:, None] * mean
        return Seen(torch.cat(self.values, dim=1), mean, covariance)

    def _patches(self, x: Tensor) -> Tensor:
        """What outputs at some places see of `(C, H, W)`: `(N, K)`."""
        vertical, horizontal = self.padding
        padded = F.pad(x, [horizontal, horizontal, vertical, vertical])
        rows, columns = (
            step * torch.randint((extent - size) // step + 1, (_PLACES,), generator=self.random)
            for extent, size, step in zip(padded.shape[1:], self.size, self.stride, strict=True)
        )
        rows = rows[:, None, None] + torch.arange(self.size[0])[:, None]
        columns = columns[:, None, None] + torch.arange(self.size[1])
        return padded[:, rows, columns].transpose(0, 1).flatten(1)
