"""Weights averaged over the steps of a training (EMA): smoother pictures than the last step's weights make."""

from __future__ import annotations

import copy
from typing import Any, Generic, TypeVar

import torch
from torch import nn

_N = TypeVar("_N", bound=nn.Module)


class Average(Generic[_N]):
    """An exponential moving average of a network's parameters; buffers are the latest ones.

    Args:
        network: what is trained.
        decay: the share that each step keeps.
    """

    def __init__(self, network: _N, decay: float) -> None:
        self.decay = decay
        self.network: _N = copy.deepcopy(network).eval().requires_grad_(False)
        self._steps = 0

    @torch.no_grad()
    def update(self, network: _N) -> None:
        """Take a step's weights in. The first steps count for more: the average never remembers the beginning."""
        self._steps += 1
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        ours, theirs = ([p.detach() for p in one.parameters()] for one in (self.network, network))
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for buffer, latest in zip(self.network.buffers(), network.buffers(), strict=True):
            buffer.copy_(latest)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {"network": self.network.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.network.load_state_dict(state["network"])
        self._steps = int(state["steps"])
