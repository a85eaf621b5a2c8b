"""A GPU for machines without one: it executes on the processor, and fails as GPUs do when it is told to."""

from __future__ import annotations

import torch

from fomm.engines.base import Frames, Source
from fomm.engines.torch import TorchEngine
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
FULL_IN_A_GRAPH = RuntimeError("CUDA error: out of memory")
LOST = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...")


class StandIn(TorchEngine):
    """A GPU that executes on the CPU, and fails when it is told to."""

    name = "stand-in"
    best_batch = 4
    fails_with: Exception | None = None
    largest = 99
    made: list[StandIn]
    closed = False

    def __init__(
        self, networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
    ) -> None:
        super().__init__(networks, device="cpu", precision="fp32")
        self.precision, self.device = precision or "fp32", "Stand-in GPU"
        self._fail()
        StandIn.made.append(self)

    def _fail(self) -> None:
        assert not self.closed
        if StandIn.fails_with is not None:
            raise StandIn.fails_with

    def encode(self, pictures: torch.Tensor) -> Source:
        self._fail()
        return super().encode(pictures)

    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        self._fail()
        if len(frames) > StandIn.largest:
            raise FULL
        return super().step(source, frames, transfer)

    def close(self) -> None:
        self.closed = True
