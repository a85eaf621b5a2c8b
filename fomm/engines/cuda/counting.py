"""What a frame costs at the least: operations and bytes of every stage, counted without computing anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fomm.engines.cuda.network import Network, SourceBuffers
from fomm.engines.cuda.operations import TRANSFER, Layer, Operations, aligned
from fomm.engines.cuda.settings import Settings
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.inference import InferenceModel

#: What `Operations` does in one kernel each, where they are fused.
_COUNTED = (
    "shrink",
    "conv",
    "activate",
    "spread",
    "pool",
    "join",
    "locate",
    "move",
    "blend",
    "warp",
    "finish",
)


@dataclass(frozen=True)
class Count:
    """One operation of one stage.

    Attributes:
        stage: see `Network.stages`.
        name: of the operation.
        flop: multiplications and additions of its convolution, two for each pair; the rest is not counted.
        weights: bytes of weights, which are read from memory for every frame.
        activations: bytes of what goes in and out, which may be in a cache.
    """

    stage: str
    name: str
    flop: int
    weights: int
    activations: int

    def seconds(self, *, flops: float, memory: float, cache: float) -> float:
        """The least time it can take on a device of these rates (a second): the arithmetic or the bytes, whichever
        takes longer."""
        return max(self.flop / flops, self.weights / memory + self.activations / cache)


class _Counting(Operations):
    """Runs on the device "meta", where tensors have shapes and no contents."""

    def __init__(self) -> None:
        self.stage = ""
        self.counts: list[Count] = []


def _counted(name: str) -> Callable[..., Any]:
    original = getattr(Operations, name)

    def run(self: _Counting, *arguments: Any, **options: Any) -> Any:
        made = original(self, *arguments, **options)
        layers = [given for given in arguments if isinstance(given, Layer)]
        tensors = {id(part): part for part in (*arguments, *(made if isinstance(made, tuple) else (made,)))}
        moved = sum(_bytes(part) for part in tensors.values() if isinstance(part, Tensor))
        flop = sum(_flop(arguments[0], made, layer) for layer in layers)
        self.counts.append(
            Count(self.stage, name, flop, sum(_bytes(layer.weight) for layer in layers), moved)
        )
        return made

    return run


for _name in _COUNTED:
    setattr(_Counting, _name, _counted(_name))


def count(
    networks: FirstOrderModel, settings: Settings, *, batch: int = 1, dtype: torch.dtype = torch.float16
) -> list[Count]:
    """The operations of a frame, or of `batch` frames, in their order."""
    operations, meta = _Counting(), torch.device("meta")
    model = InferenceModel(networks, size=networks.picture_size, up=settings.up, shifted=False)
    with torch.inference_mode():
        network = Network(model, operations, settings, place=meta, dtype=dtype)
        pixels = torch.empty(
            (batch, *networks.picture_size, network.channels), dtype=torch.uint8, device=meta
        )
        transfer = torch.empty((batch, network.num_kp, TRANSFER), device=meta)
        for name, stage in network.stages(pixels, transfer, _source(model, networks, dtype), pixels.clone()):
            operations.stage = name
            stage()
    return operations.counts


def _source(model: InferenceModel, networks: FirstOrderModel, dtype: torch.dtype) -> SourceBuffers:
    """Of the right shapes."""
    with torch.inference_mode():
        picture = torch.empty((1, model.generator.first.in_channels, *networks.picture_size), device="meta")
        meta = model.to("meta")
        features = meta.generator.encode(picture)
        small, first, heads = meta.motion.encode(picture, meta.detect(picture))

    def empty(like: Tensor, channels: int, kind: torch.dtype) -> Tensor:
        return torch.empty((1, *like.shape[2:], channels), dtype=kind, device="meta")

    return SourceBuffers(
        empty(features, features.shape[1], dtype),
        empty(small, small.shape[1], dtype),
        empty(first, first.shape[1], dtype),
        empty(heads, aligned(heads.shape[1]), torch.float32),
        torch.empty((1, model.motion.num_kp, 6), device="meta"),
    )


def _flop(x: Tensor, made: Tensor, layer: Layer) -> int:
    outer, inner, *kernel = layer.weight.shape
    taps = kernel[0] * kernel[1]
    if layer.form == "transpose":
        return 2 * x[..., 0].numel() * outer * inner * taps
    return 2 * made[..., 0].numel() * outer * inner * taps


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
