"""8-bit convolutions, calibrated on real pictures.

Every convolution of a network takes 8-bit inputs and weights; what lies between (residual sums, biases, softmax and
sigmoid) stays in float. Ranges are the ones with the least squared error over calibration
pictures, one for each input, one for each output channel of the weights. Rounding the residual sums as well, as
general-purpose quantizers do, costs half as much error again and saves nothing.

The rounding is written down as PyTorch's `fake_quantize`, which OpenVINO turns into integer convolutions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Network = TypeVar("Network", bound=nn.Module)

Conv = (nn.Conv2d, nn.ConvTranspose2d)

#: Activations looked at for each convolution and picture.
_SAMPLES = 100_000
#: Ranges that are tried, as fractions of the largest value.
_FRACTIONS = torch.linspace(0.4, 1.0, 25)


def quantized(network: Network, calibrate: Callable[[Network], None]) -> Network:
    """A network with 8-bit convolutions; the original is left as it is.

    Args:
        network: float32, on the CPU. Convolutions that `calibrate` never reaches stay as they are.
        calibrate: runs the network that it is given on real pictures.
    """
    network = copy.deepcopy(network)
    convs = {name: module for name, module in network.named_modules() if isinstance(module, Conv)}
    for name, examples in _watch(network, convs, calibrate).items():
        parent, _, leaf = name.rpartition(".")
        setattr(network.get_submodule(parent), leaf, QuantizedConv(convs[name], examples))
    return network


class QuantizedConv(nn.Module):
    """A convolution whose input and weights have 8 bits.

    Args:
        conv: the original.
        examples: values of its input, in any shape.
    """

    weight: Tensor
    bias: Tensor | None
    scales: Tensor
    zeros: Tensor

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, examples: Tensor) -> None:
        super().__init__()
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        assert not isinstance(conv.padding, str)
        self.stride, self.padding = conv.stride, conv.padding
        self.axis = 1 if self.transposed else 0
        scales = _weight_scales(conv.weight, self.axis)
        self.register_buffer("weight", conv.weight.detach().clone())
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", torch.zeros(len(scales), dtype=torch.int32))
        signed = bool((examples < 0).any())
        self.zero = 128 if signed else 0
        self.scale = _input_scale(examples, self.zero)

    def forward(self, x: Tensor) -> Tensor:
        """As the original."""
        x = torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero, 0, 255)
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
    rows = weight.detach().transpose(0, axis).flatten(1)
    steps = rows.abs().amax(dim=1).clamp_min(1e-8)[:, None] * _FRACTIONS / 127
    errors = []
    for step in steps.unbind(dim=1):
        rounded = (rows / step[:, None]).round().clamp(-127, 127) * step[:, None]
        errors.append((rounded - rows).square().sum(dim=1))
    best = torch.stack(errors, dim=1).argmin(dim=1, keepdim=True)
    return steps.gather(1, best).squeeze(1)


def _watch(
    network: Network,
    convs: dict[str, nn.Conv2d | nn.ConvTranspose2d],
    calibrate: Callable[[Network], None],
) -> dict[str, Tensor]:
    """Values that convolutions are given, those that are given any."""
    seen: dict[str, list[Tensor]] = {}
    random = torch.Generator().manual_seed(0)

    def note(name: str) -> object:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            values = inputs[0].detach().flatten()
            chosen = torch.randint(len(values), (min(_SAMPLES, len(values)),), generator=random)
            # The extremes are kept: they say how far the range may have to reach, and whether there is a sign.
            seen.setdefault(name, []).extend([values[chosen], torch.stack([values.min(), values.max()])])

        return hook

    hooks = [conv.register_forward_pre_hook(note(name)) for name, conv in convs.items()]  # type: ignore[arg-type]
    try:
        with torch.inference_mode():
            calibrate(network)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.cat(values) for name, values in seen.items()}
