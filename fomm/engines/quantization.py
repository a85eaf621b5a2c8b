"""8-bit convolutions, calibrated on real pictures.

Every convolution of a network takes 8-bit inputs and weights; what lies between (residual sums, biases, softmax and
sigmoid) stays in float. Ranges are the ones with the least squared error over calibration pictures, one for each
input, one for each output channel of the weights. Rounding the residual sums as well, as general-purpose quantizers
do, costs half as much error again and saves nothing.

An input has one step for all its channels, and the step that the largest need is too coarse for the others: they are
brought nearer together first, and the weights the other way. `fomm.engines.rounding` says how weights are rounded.

The rounding is written down as PyTorch's `fake_quantize`, which OpenVINO turns into integer convolutions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.engines.rounding import Conv, Seen, rounded, watch

Network = TypeVar("Network", bound=nn.Module)

#: Ranges that are tried, as fractions of the largest value.
_FRACTIONS = torch.linspace(0.4, 1.0, 25)
#: How much nearer channels are brought: 0 leaves them, 1 makes them equal, which serves pictures like those of the
#: calibration best and others worst.
_EVENED = 0.5
#: The least of a channel's size, of the largest's, that counts.
_LEAST = 0.02


def quantized(network: Network, calibrate: Callable[[Network], None]) -> Network:
    """A network with 8-bit convolutions; the original is left as it is.

    Args:
        network: float32, on the CPU. Convolutions that `calibrate` never reaches stay as they are.
        calibrate: runs the network that it is given on real pictures.
    """
    network = copy.deepcopy(network)
    for name, (conv, seen) in watch(network, calibrate).items():
        parent, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(parent), leaf, QuantizedConv(conv, seen))
    return network


def in_bfloat16(network: Network) -> Network:
    """A network whose convolutions take inputs and weights of bfloat16; the original is left as it is.

    What lies between stays in float32, residual sums above all: asked to compute in bfloat16, OpenVINO would round
    them as well.
    """
    network = copy.deepcopy(network)
    for name, module in list(network.named_modules()):
        if isinstance(module, Conv):
            parent, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(parent), leaf, BFloat16Conv(module))
    return network


class BFloat16Conv(nn.Module):
    """A convolution in bfloat16, with as much of its output.

    Args:
        conv: the original.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        assert not isinstance(conv.padding, str)
        self.stride, self.padding = conv.stride, conv.padding
        # Rounded here: OpenVINO would cut them off.
        self.register_buffer("weight", conv.weight.detach().bfloat16())
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().bfloat16())

    def forward(self, x: Tensor) -> Tensor:
        """As the original, but for its type."""
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        return convolve(x.bfloat16(), self.weight, self.bias, self.stride, self.padding)


class QuantizedConv(nn.Module):
    """A convolution whose input and weights have 8 bits.

    Args:
        conv: the original.
        seen: its inputs.
    """

    weight: Tensor
    bias: Tensor
    scales: Tensor
    zeros: Tensor
    evened: Tensor

    def __init__(self, conv: Conv, seen: Seen) -> None:
        super().__init__()
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        assert not isinstance(conv.padding, str)
        self.stride, self.padding = conv.stride, conv.padding
        self.axis = 1 if self.transposed else 0
        sizes = seen.values.abs().amax(dim=1)
        sizes = (sizes / sizes.max().clamp_min(1e-6)).clamp_min(_LEAST) ** _EVENED
        self.register_buffer("evened", 1 / sizes[:, None, None])
        signed = bool((seen.values < 0).any())
        self.zero = 128 if signed else 0
        self.scale = _input_scale(seen.values / sizes[:, None], self.zero)
        shape = (-1, 1, 1, 1) if self.transposed else (-1, 1, 1)
        weight = conv.weight.detach() * sizes.view(shape)
        scales = _weight_scales(weight, self.axis)

        def to_grid(weights: Tensor) -> Tensor:
            return (weights / scales).round().clamp(-127, 127) * scales

        weight, bias = rounded(conv, weight, seen.scaled(1 / sizes), to_grid)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", torch.zeros(len(scales), dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        """As the original."""
        x = torch.fake_quantize_per_tensor_affine(x * self.evened, self.scale, self.zero, 0, 255)
        weight = torch.fake_quantize_per_channel_affine(
            self.weight, self.scales, self.zeros, self.axis, -127, 127
        )
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        return convolve(x, weight, self.bias, self.stride, self.padding)


def _input_scale(examples: Tensor, zero: int) -> float:
    """The step between two neighbouring inputs that loses least."""
    steps = examples.abs().max().clamp_min(1e-6) * _FRACTIONS / (255 - zero)
    errors = [
        (torch.fake_quantize_per_tensor_affine(examples, float(step), zero, 0, 255) - examples)
        .square()
        .mean()
        for step in steps
    ]
    return float(steps[int(torch.stack(errors).argmin())])


def _weight_scales(weight: Tensor, axis: int) -> Tensor:
    """The same for every output channel of the weights."""
    rows = weight.transpose(0, axis).flatten(1)
    steps = rows.abs().amax(dim=1).clamp_min(1e-8)[:, None] * _FRACTIONS / 127
    errors = []
    for step in steps.unbind(dim=1):
        near = (rows / step[:, None]).round().clamp(-127, 127) * step[:, None]
        errors.append((near - rows).square().sum(dim=1))
    best = torch.stack(errors, dim=1).argmin(dim=1, keepdim=True)
    return steps.gather(1, best).squeeze(1)
