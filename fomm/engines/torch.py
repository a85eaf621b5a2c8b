"""PyTorch, one operation after the other: what runs everywhere, and what the other engines are held to."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from fomm.engines.base import Engine, Frames, Source, to_bytes
from fomm.errors import ConfigError
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.generator import EncodedSource

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchEngine(Engine):
    """See `Engine`.

    Args:
        networks: in evaluation mode; left as they are, but shared where device and precision fit already.
        device: "cpu", "cuda", "cuda:1", "mps", ...; None takes a CUDA device
            or an Apple GPU where there is one.
        precision: one of `PRECISIONS`; None is "fp32".

    Raises:
        ConfigError: no such device or precision.
    """

    name: ClassVar[str] = "torch"

    def __init__(
        self, networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
    ) -> None:
        self.precision = precision or "fp32"
        dtype = PRECISIONS.get(self.precision)
        if dtype is None:
            raise ConfigError(f"torch has no precision {precision!r}; there are {', '.join(PRECISIONS)}")
        self._place = find_device(device)
        if (networks.device, networks.dtype) != (self._place, dtype):
            networks = copy.deepcopy(networks).to(self._place, dtype)
        self._networks = networks
        self.device = device_words(self._place)
        self.best_batch = 16 if self._place.type == "cuda" else 1

    @torch.inference_mode()
    def detect(self, pictures: Tensor) -> Keypoints:
        """See `Engine`."""
        with convolving(exact=True):
            return _to_cpu(self._networks.detect(self._take(pictures)))

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Source:
        """See `Engine`."""
        pictures = self._take(pictures)
        with convolving(exact=True):
            encoded = self._networks.encode(pictures)
            return Source(_to_cpu(self._networks.detect(pictures)), (encoded.features, encoded.small))

    @torch.inference_mode()
    def decode(self, source: Source, target: Keypoints) -> Tensor:
        """See `Engine`."""
        with convolving(exact=True):
            return self._decode(source, target).float().cpu()

    @torch.inference_mode()
    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        """See `Engine`. Keypoints stay on the device."""
        pixels = torch.from_numpy(frames).to(self._place)
        pictures = pixels.permute(0, 3, 1, 2).to(self._networks.dtype).contiguous() / 255
        with convolving(exact=True):
            target = transfer(self._networks.detect(pictures))
            return to_bytes(self._decode(source, target)).cpu().numpy()

    def _decode(self, source: Source, target: Keypoints) -> Tensor:
        encoded, keypoints = EncodedSource(*source.tensors), source.keypoints
        if len(keypoints) != len(target):
            encoded, keypoints = encoded.expand(len(target)), keypoints.expand(len(target))
        return self._networks.decode(encoded, keypoints.to(self._place), target.to(self._place))

    def _take(self, pictures: Tensor) -> Tensor:
        return pictures.to(self._place, self._networks.dtype)


@contextlib.contextmanager
def convolving(*, exact: bool, tuned: bool = False) -> Iterator[None]:
    """How convolutions are computed on NVIDIA GPUs, within this context.

    Args:
        exact: float32 is not rounded to TF32, which would move keypoints.
        tuned: cuDNN tries its kernels on each new shape and takes the fastest.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.allow_tf32
    cudnn.benchmark, cudnn.allow_tf32 = tuned or before[0], not exact and before[1]
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32 = before


def find_device(wanted: str | None) -> torch.device:
    """A device by name; None is the first CUDA device, an Apple GPU, or else the CPU.

    Raises:
        ConfigError: it cannot be used.
    """
    if wanted is None:
        wanted = (
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device {wanted!r} cannot be used here ({reason}); try --device cpu") from error


def device_words(device: torch.device) -> str:
    """A device as people call it: "CPU", "NVIDIA H100 80GB HBM3", "Apple GPU"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": "CPU", "mps": "Apple GPU"}.get(device.type, str(device))


def _to_cpu(keypoints: Keypoints) -> Keypoints:
    return keypoints.to(torch.device("cpu"))
