"""What a piece of PyTorch costs, counted and not timed: operations, and bytes through memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """What something costs.

    Attributes:
        operations: multiplications and additions of convolutions and matrix products, a fused one as two.
        moved: bytes that its operators read and write, each tensor once for each operator, weights included. Views
            are free. What a cache keeps, or a compiler fuses, is counted all the same: this is what running one
            operator after the other asks of memory.
    """

    operations: int
    moved: int


def count(function: Callable[[], object]) -> Cost:
    """The cost of one call, which is made."""
    moves, flops = _Moves(), FlopCounterMode(display=False)
    with torch.no_grad(), flops, moves:
        function()
    return Cost(int(flops.get_total_flops()), moves.total)


class _Moves(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the sizes of what operators read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given, made = _tensors((args, kwargs)), _tensors(result)
        known = {tensor.untyped_storage().data_ptr() for tensor in given}
        fresh = [tensor for tensor in made if tensor.untyped_storage().data_ptr() not in known]
        # An operator in place writes what it was given; a view does nothing at all.
        if fresh or func._schema.is_mutable:
            self.total += sum(map(_bytes, given)) + sum(map(_bytes, made))
        return result


def _tensors(value: Any) -> list[Tensor]:
    """Those inside tuples, lists, dictionaries and dataclasses, however deep."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return _tensors(list(value.values()))
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors(item)]
    return _tensors(list(vars(value).values())) if hasattr(value, "__dataclass_fields__") else []


def _bytes(tensor: Tensor) -> int:
    """What is there of a tensor: of one that was repeated as a view, one copy."""
    counted = 1
    for extent, stride in zip(tensor.shape, tensor.stride(), strict=True):
        counted *= extent if stride else 1
    return counted * tensor.element_size()
