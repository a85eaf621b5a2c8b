"""The paper's reconstruction task: first frame and absolute motion through the networks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from fomm.animators.base import Frame
from fomm.evaluation.reconstruction import Pair
from fomm.model import Model

#: Frames that the networks are given at once.
_BATCH = 8


class AbsoluteMotion:
    """A First Order Motion Model that reconstructs; see `fomm.evaluation.reconstruction.Reconstructor`."""

    motion = "absolute"

    def __init__(self, model: Model) -> None:
        height, width, _ = model.config.dataset_params.frame_shape
        self.name = model.name
        self.device = str(model.networks.device)
        self.checkpoint: Path | None = model.checkpoint
        self.size = (width, height)
        self.face_model = model.config.needs_face
        self._networks = model.networks

    def reconstruct(self, frames: Iterable[Frame], *, name: str) -> Iterator[Pair]:  # noqa: ARG002 - the door's shape
        """See `Reconstructor`. The first frame is encoded once."""
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            return
        with torch.inference_mode():
            source = self._to_tensor([first])
            encoded, keypoints = self._networks.encode(source), self._networks.detect(source)
        rest = itertools.chain([first], frames)
        while batch := list(itertools.islice(rest, _BATCH)):
            with torch.inference_mode():
                driving = self._networks.detect(self._to_tensor(batch))
                count = len(batch)
                predicted = self._networks.decode(encoded.expand(count), keypoints.expand(count), driving)
                results = predicted.float().permute(0, 2, 3, 1).cpu().numpy()
            yield from map(Pair, batch, results)

    def _to_tensor(self, frames: list[Frame]) -> torch.Tensor:
        pixels = torch.from_numpy(np.stack(frames)).to(self._networks.device)
        return pixels.permute(0, 3, 1, 2).to(self._networks.dtype).contiguous() / 255
