"""Reconstruction: a clip's frames made again from its first frame and its motion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fomm.animators import MODELS, Animator, DrivingFrame, Frame, Motion, SourceImage, create, is_neural
from fomm.errors import ConfigError
from fomm.faces import FaceFollower, FaceLandmarker

#: Frames of models without a size of their own are evaluated at the paper's, so that the numbers compare.
_PAPER_SIZE = (256, 256)
#: Frames a second that landmarks are followed at: data sets of pictures have no clock.
_RATE = 25


class Pair(NamedTuple):
    """A true frame and what a model made of it.

    Attributes:
        truth: `(H, W, 3)` uint8 RGB.
        result: `(H, W, 3)` float32 RGB in [0, 1].
    """

    truth: Frame
    result: NDArray[np.float32]


class Reconstructor(Protocol):
    """A model, ready to reconstruct clips.

    Attributes:
        name: the model's.
        device: what executes it.
        checkpoint: the file its weights came from, None for models without.
        motion: how motion is taken, in words.
        size: `(width, height)` of the frames it takes and makes.
        face_model: whether it animates faces.
    """

    name: str
    device: str
    checkpoint: Path | None
    motion: str
    size: tuple[int, int]
    face_model: bool

    def reconstruct(self, frames: Iterable[Frame], *, name: str) -> Iterator[Pair]:
        """All frames of a clip again, the first included, in constant memory.

        Args:
            frames: `(H, W, 3)` uint8 RGB of `size`.
            name: what messages call the clip.

        Raises:
            NoFaceError: the model needs a face and the first frame shows none.
        """
        ...


class SelfReenactment:
    """An animator that takes motion from landmarks, with the clip's first frame as avatar and as neutral pose.

    A frame without a face is answered with the last picture, as live.

    Args:
        animator: the model; nothing of the driver's picture may show in its frames.
        motion: how it takes motion, in words.
    """

    checkpoint: Path | None = None
    size = _PAPER_SIZE
    face_model = True

    def __init__(self, animator: Animator, *, motion: str) -> None:
        self.name = animator.name
        self.device = animator.device
        self.motion = motion
        self._animator = animator

    def reconstruct(self, frames: Iterable[Frame], *, name: str) -> Iterator[Pair]:
        """See `Reconstructor`."""
        state: Any = None
        neutral: DrivingFrame | None = None
        follower = FaceFollower()
        with FaceLandmarker(mode="video") as landmarker:
            for index, pixels in enumerate(frames):
                if state is None:
                    state = self._animator.prepare(SourceImage(pixels, f"{name}, first frame"))
                    result = state.portrait
                face = follower.choose(landmarker.detect(pixels, index / _RATE))
                if face is not None:
                    driving = DrivingFrame(pixels, face)
                    neutral = neutral or driving
                    result = self._animator.drive(state, Motion(driving, neutral))
                yield Pair(pixels, result.astype(np.float32) / 255)


def load_reconstructor(
    model: str | Path,
    *,
    checkpoint: Path | str | None = None,
    engine: str | None = None,
    device: str | None = None,
) -> Reconstructor:
    """A model by name.

    Args:
        model: a name in `fomm.animators.MODELS`, or a YAML config of the published schema.
        checkpoint: as in `fomm.load_model`, here and below; for neural models only.
        engine: what executes it; None takes the best.
        device: where.

    Raises:
        ConfigError: an unknown model, engine or device, or options that the model does not take.
        CheckpointError: no weights, or they are damaged or another model's.
    """
    options = {"checkpoint": checkpoint, "engine": engine, "device": device}
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if is_neural(str(model)):
        from fomm.evaluation.neural import AbsoluteMotion
        from fomm.model import load_model

        return AbsoluteMotion(load_model(model, **given))
    motion = "relative to the first frame"
    if model == "landmark-warp" and given:
        raise ConfigError(f"landmark-warp takes no {' and no '.join(given)}; leave it out")
    if str(model) in MODELS:
        # The driver's own mouth would be the answer.
        given["mouth"] = "painted"
        motion += ", the mouth painted"
    return SelfReenactment(create(str(model), **given), motion=motion)
