"""The paper's reconstruction task: first frame and absolute motion through the networks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from fomm.animators.base import Frame
from fomm.engines.base import to_pictures
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
        self.device = model.engine.description
        self.checkpoint: Path | None = model.checkpoint
        self.size = (width, height)
        self.face_model = model.config.needs_face
        self._engine = model.engine

    def reconstruct(self, frames: Iterable[Frame], *, name: str) -> Iterator[Pair]:  # noqa: ARG002 - the door's shape
        """See `Reconstructor`. The first frame is encoded once."""
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            return
        source = self._engine.encode(to_pictures(first[None]))
        rest = itertools.chain([first], frames)
        while batch := list(itertools.islice(rest, _BATCH)):
            driving = self._engine.detect(to_pictures(np.stack(batch)))
            predicted = self._engine.decode(source, driving)
            yield from map(Pair, batch, predicted.permute(0, 2, 3, 1).numpy())
