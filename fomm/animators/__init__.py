"""Animators: the models that turn a prepared source and a motion into a frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fomm.animators.base import Animator, DrivingFrame, Frame, Landmarks, Motion, SourceImage, SourceState
from fomm.errors import ConfigError


def _landmark_warp(**options: Any) -> Animator:
    from fomm.animators.landmark_warp import LandmarkWarp

    return LandmarkWarp(**options)


def _face_lite(**options: Any) -> Animator:
    from fomm.animators.face_lite import FaceLite

    return FaceLite(**options)


def _neural(
    name: str,
    *,
    checkpoint: str | None = None,
    engine: str = "auto",
    device: str | None = None,
    fall_back: Callable[[str], None] | None = None,
    **options: Any,
) -> Animator:
    from fomm.model import load_model

    model = load_model(name, checkpoint=checkpoint, engine=engine, device=device, fall_back=fall_back)
    return model.animator(**options)


#: The published models, see `configs/`. Their weights are a download of their own: `fomm models pull`.
PUBLISHED = (
    "vox-256",
    "vox-adv-256",
    "taichi-256",
    "taichi-adv-256",
    "fashion-256",
    "mgif-256",
    "nemo-256",
    "bair-256",
)

#: name → factory; factories import what they need, so listing the names costs nothing.
MODELS: dict[str, Callable[..., Animator]] = {
    "landmark-warp": _landmark_warp,
    "face-lite": _face_lite,
    **{name: partial(_neural, name) for name in PUBLISHED},
}


def is_neural(model: str) -> bool:
    """Whether this names a First Order Motion Model: a published one, or a YAML config of one's own."""
    return model in PUBLISHED or Path(model).suffix in {".yaml", ".yml"}


def create(model: str, **options: Any) -> Animator:
    """An animator by name.

    Args:
        model: one of `MODELS`, or a YAML config of the published schema.
        options: for the model, e.g. `mouth="painted"` for the bundled ones, `checkpoint=FILE` for a neural one.

    Raises:
        ConfigError: an unknown model, or options that it does not take.
        CheckpointError: a neural model's weights are not there, or not its own.
    """
    factory = MODELS.get(model)
    if factory is None and is_neural(model):
        factory = partial(_neural, model)
    if factory is None:
        raise ConfigError(
            f"unknown model {model!r}; choose one of: {', '.join(MODELS)}; or name a YAML config with --checkpoint"
        )
    try:
        return factory(**options)
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None:
            raise
        raise ConfigError(f"{model} does not take the option {unknown[1]!r}; leave it out") from None


__all__ = [
    "MODELS",
    "Animator",
    "DrivingFrame",
    "Frame",
    "Landmarks",
    "Motion",
    "SourceImage",
    "SourceState",
    "create",
    "is_neural",
]
