"""Weights and pictures from a formula: what speed is measured with where no checkpoint is at hand.

The same numbers as the golden arrays of the tests were made with, on every machine. Pictures that such networks make
are abstract, but they move, and have the contrast that errors can be measured against.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

    from fomm.config import Config
    from fomm.networks.first_order import FirstOrderModel


def networks_of(config: Config) -> FirstOrderModel:
    """A model of this config with the recipe's weights: float32, on the CPU, in evaluation mode."""
    import torch

    from fomm.networks.first_order import FirstOrderModel

    with torch.no_grad():
        networks = FirstOrderModel(config).eval().requires_grad_(False)
        fill(networks.generator, "generator")
        fill(networks.kp_detector, "kp_detector")
    return networks


def fill(module: nn.Module, prefix: str) -> None:
    """Overwrite the weights of a network; the prefix is "generator" or "kp_detector"."""
    import torch

    for name, tensor in module.state_dict().items():
        if not name.endswith(("num_batches_tracked", "down.weight")):
            value = _value(f"{prefix}.{name}", tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)).to(tensor.dtype))


def _value(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """One tensor, of the size and spread that training would give it."""
    *_, parent, leaf = ["", *name.split(".")]
    # The legacy generator: its stream of numbers never changes.
    random = np.random.RandomState(zlib.crc32(name.encode()))
    noise = np.asarray(random.standard_normal(shape))
    if leaf == "running_var":
        return 0.5 + np.abs(noise)
    if leaf == "running_mean":
        return 0.1 * noise
    if parent.startswith("norm") and leaf == "weight":
        return 1.0 + 0.1 * noise
    if parent == "jacobian" and leaf == "bias":
        return np.tile([1.0, 0.0, 0.0, 1.0], shape[0] // 4) + 0.1 * noise
    if leaf == "bias":
        return 0.05 * noise
    value = noise * math.sqrt(2.0 / math.prod(shape[1:]))
    return 0.05 * value if parent == "jacobian" else value


def picture(phase: float, size: int = 256) -> NDArray[np.float32]:
    """A picture `(1, 3, size, size)` in [0, 1]. Source: phase 0; neutral frame: 0.7; another driving frame: 1.3."""
    y, x = np.mgrid[0:size, 0:size] / size
    channels = [
        0.5
        + 0.5
        * np.sin(2 * np.pi * ((c + 1.5) * x + (2.5 - c) * y) + phase + c)
        * np.cos(2 * np.pi * (3 * x * y) + 0.5 * phase * (c + 1))
        for c in range(3)
    ]
    return np.stack(channels)[None].astype(np.float32)


def frame(phase: float, size: int = 256) -> NDArray[np.uint8]:
    """The same picture as `(size, size, 3)` uint8."""
    return np.ascontiguousarray((picture(phase, size)[0].transpose(1, 2, 0) * 255).round().astype(np.uint8))
