"""The door behind which networks are executed, whatever executes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fomm.keypoints import Keypoints, Transfer

#: `(B, H, W, 3)` uint8 RGB, C-contiguous.
Frames = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Source:
    """What an engine made of sources, once for every frame that they drive.

    Attributes:
        keypoints: float32, on the CPU.
        tensors: whatever else the engine's `decode` needs, in its own order, types and place; `(B, ...)` each.
    """

    keypoints: Keypoints
    tensors: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.keypoints)


class Engine(ABC):
    """Executes one model: the three steps of a frame, and all of them at once.

    Pictures are `(B, C, H, W)` tensors in [0, 1], of any floating type and on any device; what comes back is float32
    on the CPU. Heights and widths are multiples of the networks' `size_step`. An engine belongs to one thread at a
    time, but for `detect` and `encode`, which may run in another.

    Attributes:
        name: as in `fomm.engines.ENGINES`.
        precision: what it computes in: "fp32", "fp16", "bf16", "int8". Geometry is always float32.
        device: where, in plain words: "CPU", "NVIDIA H100 80GB HBM3", ...
        best_batch: how many frames at once keep it busy, where they may wait for each other.
        notices: sentences worth showing the user: what was skipped, and why.
        why: this one was taken and no other, in a few words; empty where the user asked for it.
    """

    name: ClassVar[str]
    precision: str
    device: str
    best_batch: int = 1
    notices: tuple[str, ...] = ()
    why: str = ""

    @property
    def description(self) -> str:
        """Name, precision and device, for reports: "torch fp32 on CPU"; and why, where it was chosen."""
        said = f"{self.name} {self.precision} on {self.device}"
        return f"{said} ({self.why})" if self.why else said

    @abstractmethod
    def detect(self, pictures: Tensor) -> Keypoints:
        """Keypoints of pictures."""

    @abstractmethod
    def encode(self, pictures: Tensor) -> Source:
        """What the frames need of sources, their keypoints included."""

    @abstractmethod
    def decode(self, source: Source, target: Keypoints) -> Tensor:
        """Pictures: the sources, moved to target keypoints.

        Args:
            source: as many as targets, or one for all of them.
            target: where its keypoints go.
        """

    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        """The way of a frame: driving frames in, pictures out. Engines do better than these four lines.

        Args:
            source: the avatar, a batch of 1.
            frames: driving frames, cropped, of the source's size.
            transfer: where their keypoints send the source's.

        Returns:
            As many frames of the same shape, the caller's own.
        """
        driving = self.detect(to_pictures(frames))
        return to_frames(self.decode(source, transfer(driving)))

    def stream(self, source: Source, batches: Iterable[tuple[Frames, Transfer]]) -> Iterator[Frames]:
        """`step` for one batch after the other, where the next ones are known: engines may overlap them."""
        for frames, transfer in batches:
            yield self.step(source, frames, transfer)

    def warm_up(self, size: tuple[int, int], *, batch: int = 1) -> None:
        """Whatever is slow the first time, done now rather than on the first frame.

        Args:
            size: `(height, width)` of the pictures.
            batch: frames at once.
        """
        frames = np.zeros((batch, *size, 3), np.uint8)
        source = self.encode(to_pictures(frames[:1]))
        self.step(source, frames, Transfer.absolute())

    def close(self) -> None:  # noqa: B027 - most engines hold nothing that the garbage collector would not free
        """Let memory and devices go; idempotent. Sources it made are of no use afterwards."""


def to_pictures(frames: Frames) -> Tensor:
    """`(B, H, W, C)` uint8 → `(B, C, H, W)` float32 in [0, 1], contiguous."""
    # Contiguous, since convolutions give other last digits (and speed) in other memory layouts.
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float().contiguous() / 255


def to_frames(pictures: Tensor) -> Frames:
    """`(B, C, H, W)` in [0, 1] → `(B, H, W, C)` uint8, on the CPU."""
    return to_bytes(pictures).cpu().numpy()


def to_bytes(pictures: Tensor) -> Tensor:
    """`(B, C, H, W)` in [0, 1] → `(B, H, W, C)` uint8 tensor, where the pictures are."""
    pixels = pictures.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous()
