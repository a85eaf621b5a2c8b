"""The correcting network executed by PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fomm.animators.face_lite.network import LAST, Array, Weights, correct, layers, width_of
from fomm.engines.torch import device_words, find_device


class TorchExecution:
    """See `fomm.animators.face_lite.execution.Execution`.

    Raises:
        ConfigError: there is no such device.
    """

    def __init__(self, weights: Weights, device: str | None) -> None:
        self._device = find_device(device)
        self._layers = layers(width_of(weights))
        self._weights = {name: torch.from_numpy(value).to(self._device) for name, value in weights.items()}
        self.engine, self.precision, self.device = "torch", "fp32", device_words(self._device)

    @torch.inference_mode()
    def __call__(self, clues: Array) -> Array:
        """See `Execution`."""
        return np.asarray(correct(self, torch.from_numpy(clues[None]).to(self._device))[0].cpu().numpy())

    def layer(self, name: str, x: Tensor) -> Tensor:
        """See `fomm.animators.face_lite.network.Operators`."""
        weight, bias = (self._weights[f"{name}.{part}"] for part in ("weight", "bias"))
        x = functional.conv2d(x, weight, bias, self._layers[name].stride, 1)
        return x if name == LAST else functional.relu(x, inplace=True)

    def enlarge(self, x: Tensor) -> Tensor:
        """See `fomm.animators.face_lite.network.Operators`."""
        return functional.interpolate(x, scale_factor=2)

    def join(self, first: Tensor, second: Tensor) -> Tensor:
        """See `fomm.animators.face_lite.network.Operators`."""
        return torch.cat([first, second], dim=1)
