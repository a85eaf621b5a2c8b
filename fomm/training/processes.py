"""One training by several processes: what `torchrun` set up, and what a process needs to know of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from fomm.errors import TrainingError


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: its number; 0 writes logs and checkpoints.
        world: how many there are.
        device: where this one computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def wrap(self, objective: nn.Module) -> nn.Module:
        """The module whose gradients are averaged over all processes."""
        if self.world == 1:
            return objective
        if self.device.type == "cuda":
            # Statistics of all processes' pictures, as the paper's training has; there is no such thing on CPUs.
            objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)  # type: ignore[no-untyped-call]
            return nn.parallel.DistributedDataParallel(objective, device_ids=[self.device])
        return nn.parallel.DistributedDataParallel(objective)

    def any(self, here: bool) -> bool:
        """Whether something holds in any process."""
        if self.world == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
        return bool(flag)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            torch.distributed.barrier()


@contextlib.contextmanager
def processes(device: str | None) -> Iterator[Processes]:
    """Join the others, if `torchrun` started this process, and leave them at the end.

    Args:
        device: "cpu", "cuda" or "cuda:N"; None takes a CUDA device where there is one.

    Raises:
        TrainingError: there is no such device.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if world > 1 else 0)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if world == 1:
        yield Processes(0, 1, chosen)
        return
    torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world, chosen)
    finally:
        torch.distributed.destroy_process_group()


def _device(wanted: str | None, local_rank: int) -> torch.device:
    if wanted is None:
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return torch.device("cpu")
    kind, _, number = wanted.partition(":")
    if kind != "cuda" or not (number or "0").isdecimal():
        raise TrainingError(f"cannot train on {wanted!r}; give cpu, cuda or cuda:N")
    index = int(number) if number else local_rank
    if index >= torch.cuda.device_count():
        raise TrainingError(f"there is no CUDA device {index} here; give --device cpu")
    return torch.device("cuda", index)
