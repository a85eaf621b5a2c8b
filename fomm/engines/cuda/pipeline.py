"""Batches of frames on their way through a device.

A lane is the memory of one batch: in the computer, where the device reads it by itself; on the device; and back. With
one lane, upload, network and download are one piece of work, captured as a whole: the shortest way of a frame. With
several, upload, network and download each have a queue of their own, so that while one batch is computed the next one
arrives and the last one leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from fomm.engines.base import Frames
from fomm.engines.cuda.network import SourceBuffers
from fomm.engines.cuda.operations import TRANSFER, pack_transfer
from fomm.engines.cuda.runtime import Runtime, Work
from fomm.engines.torch import convolving
from fomm.keypoints import Transfer

#: See `Network.__call__`.
Run = Callable[[torch.Tensor, torch.Tensor, SourceBuffers, torch.Tensor], object]

#: Where floats may begin in a buffer of bytes.
_ALIGNED = 16


@dataclass(frozen=True)
class Queues:
    """Of one engine, shared by its pipelines: they would be in each other's way otherwise."""

    upload: Any
    compute: Any
    download: Any

    @staticmethod
    def of(runtime: Runtime) -> Queues:
        """New ones."""
        return Queues(runtime.stream(), runtime.stream(), runtime.stream())


@dataclass(eq=False)
class _Lane:
    """See the module.

    Attributes:
        arriving: bytes of the frames and their transfer, in the computer's memory; `given` on the device.
        made: pictures on the device; `leaving` in the computer's memory.
        run: the work of one batch.
        done: when its pictures have left.
        count: frames that it holds now.
    """

    arriving: torch.Tensor
    given: torch.Tensor
    made: torch.Tensor
    leaving: torch.Tensor
    run: Work = field(default=lambda: None)
    done: Any = None
    count: int = 0


class Pipeline:
    """For batches of one size.

    Args:
        run: what a batch passes through, see `Network.__call__`.
        num_kp: keypoints of the model.
        source: its source, always the same memory.
        runtime: the device.
        queues: see `Queues`.
        shape: `(B, H, W, C)`; fewer frames than B may be given, and take as long.
        lanes: see the module.
        graph: whether the work is captured.
    """

    def __init__(
        self,
        run: Run,
        num_kp: int,
        source: SourceBuffers,
        runtime: Runtime,
        queues: Queues,
        shape: tuple[int, int, int, int],
        *,
        lanes: int,
        graph: bool,
    ) -> None:
        self.batch = shape[0]
        self.lanes = lanes
        self._num_kp = num_kp
        self._runtime, self._queues, self._shape = runtime, queues, shape
        self._pixels = int(np.prod(shape))
        self._begin = -(-self._pixels // _ALIGNED) * _ALIGNED
        self._whole = lanes == 1
        self._free = deque(self._lane(run, source, graph) for _ in range(lanes))
        self._busy: deque[_Lane] = deque()

    @property
    def waiting(self) -> int:
        """Batches on their way."""
        return len(self._busy)

    def submit(self, frames: Frames, transfer: Transfer) -> None:
        """Send a batch of up to B frames on its way.

        Raises:
            RuntimeError: all lanes are busy; `collect` first.
        """
        if not self._free:
            raise RuntimeError("all lanes are busy")
        lane = self._free.popleft()
        lane.count = len(frames)
        size = frames[0].size * len(frames)
        np.copyto(lane.arriving[:size].numpy().reshape(frames.shape), frames)
        numbers = lane.arriving[self._begin :].view(torch.float32).view(self.batch, self._num_kp, TRANSFER)
        numbers[: len(frames)].copy_(pack_transfer(transfer, len(frames), self._num_kp))
        try:
            self._send(lane)
        except BaseException:
            self._free.append(lane)
            raise
        self._busy.append(lane)

    def collect(self) -> Frames:
        """The pictures of the oldest batch on its way, the caller's own."""
        lane = self._busy.popleft()
        self._runtime.finish(lane.done)
        made = lane.leaving.numpy().reshape(self._shape)[: lane.count].copy()
        self._free.append(lane)
        return made

    def drop(self) -> None:
        """Forget what is on its way."""
        while self._busy:
            lane = self._busy.popleft()
            self._runtime.finish(lane.done)
            self._free.append(lane)

    def _send(self, lane: _Lane) -> None:
        queues, runtime = self._queues, self._runtime
        if self._whole:
            lane.run()
            lane.done = runtime.record(queues.compute)
            return
        with runtime.on(queues.upload):
            lane.given.copy_(lane.arriving, non_blocking=True)
        runtime.wait(queues.compute, runtime.record(queues.upload))
        lane.run()
        runtime.wait(queues.download, runtime.record(queues.compute))
        with runtime.on(queues.download):
            lane.leaving.copy_(lane.made.view(-1), non_blocking=True)
        lane.done = runtime.record(queues.download)

    def _lane(self, run: Run, source: SourceBuffers, graph: bool) -> _Lane:
        runtime = self._runtime
        numbers = self.batch * self._num_kp * TRANSFER * 4
        lane = _Lane(
            arriving=runtime.host(self._begin + numbers).zero_(),
            given=torch.zeros(self._begin + numbers, dtype=torch.uint8, device=runtime.place),
            made=torch.zeros(self._shape, dtype=torch.uint8, device=runtime.place),
            leaving=runtime.host(self._pixels).zero_(),
        )
        pixels = lane.given[: self._pixels].view(self._shape)
        transfer = lane.given[self._begin :].view(torch.float32).view(self.batch, self._num_kp, TRANSFER)

        def compute() -> None:
            with convolving(exact=True, tuned=True):
                run(pixels, transfer, source, lane.made)

        def everything() -> None:
            lane.given.copy_(lane.arriving, non_blocking=True)
            compute()
            lane.leaving.copy_(lane.made.view(-1), non_blocking=True)

        if self._whole:
            try:
                lane.run = runtime.prepare(everything, self._queues.compute, graph=graph)
                return lane
            except RuntimeError as error:
                if not graph or runtime.short_of_memory(error):
                    raise
            # Copies that cannot be captured are queued.
            self._whole = False
        lane.run = runtime.prepare(compute, self._queues.compute, graph=graph)
        return lane
