"""One training by several processes: what `torchrun` set up, and what a process needs to know of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from fomm.errors import ConfigError, TrainingError

_T = TypeVar("_T")


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
        # Statistics of all processes' pictures, as the paper's training has.
        if self.device.type == "cuda":
            objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)  # type: ignore[no-untyped-call]
            return nn.parallel.DistributedDataParallel(objective, device_ids=[self.device])
        for module in objective.modules():
            if type(module) is nn.BatchNorm2d:
                # With the same parameters and buffers: whoever holds them need not know.
                module.__class__ = _SharedBatchNorm
        return nn.parallel.DistributedDataParallel(objective)

    def share(self, batch_size: int) -> int:
        """Pairs of a batch that are this process's.

        Raises:
            ConfigError: they cannot be shared alike.
        """
        if batch_size % self.world:
            raise ConfigError(
                f"train_params.batch_size: {batch_size} cannot be shared by {self.world} processes; "
                "give a multiple of their number"
            )
        return batch_size // self.world

    def any(self, here: bool) -> bool:
        """Whether something holds in any process."""
        if self.world == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
        return bool(flag)

    def mean(self, here: Tensor) -> Tensor:
        """The mean of all processes' values, without gradients."""
        out = here.detach().clone()
        if self.world > 1:
            torch.distributed.all_reduce(out)
        return out / self.world

    def from_first(self, here: _T) -> _T:
        """What the first process has."""
        if self.world == 1:
            return here
        box = [here]
        torch.distributed.broadcast_object_list(box, device=self.device)
        return box[0]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            torch.distributed.barrier()


class _Sum(torch.autograd.Function):
    """The sum of all processes' values, whose gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, here: Tensor) -> Tensor:  # noqa: ARG004 - the shape of such a function
        out = here.clone()
        torch.distributed.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, here: Tensor) -> Tensor:
        return _Sum.forward(ctx, here)


class _SharedBatchNorm(nn.BatchNorm2d):
    """By the statistics of all processes' batches together: what `nn.SyncBatchNorm` is on GPUs, and only there."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` → the same."""
        if not self.training:
            return super().forward(x)
        world = torch.distributed.get_world_size()

        def mean(values: Tensor) -> Tensor:
            total: Tensor = _Sum.apply(values.mean(dim=(0, 2, 3)))  # type: ignore[no-untyped-call]
            return total[:, None, None] / world

        middle = mean(x.float())
        variance = mean((x.float() - middle).square())
        count = world * x.numel() / x.shape[1]
        latest = (self.running_mean, middle), (self.running_var, variance * count / (count - 1))
        for kept, found in latest:
            if kept is not None:
                kept.lerp_(found.detach().flatten(), self.momentum or 0)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        normalised = (x.float() - middle) / torch.sqrt(variance + self.eps)
        return (normalised * self.weight[:, None, None] + self.bias[:, None, None]).to(x.dtype)


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
