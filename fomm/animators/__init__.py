"""Animators: the models that turn a prepared source and a motion into a frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fomm.animators.base import Animator, DrivingFrame, Frame, Landmarks, Motion, SourceImage, SourceState


def _landmark_warp(**options: Any) -> Animator:
    from fomm.animators.landmark_warp import LandmarkWarp

    return LandmarkWarp(**options)


def _neural(
    name: str,
    *,
    checkpoint: str | None = None,
    engine: str = "auto",
    device: str | None = None,
    **options: Any,
) -> Animator:
    from fomm.model import load_model

    return load_model(name, checkpoint=checkpoint, engine=engine, device=device).animator(**options)


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
    **{name: partial(_neural, name) for name in PUBLISHED},
}

__all__ = ["MODELS", "Animator", "DrivingFrame", "Frame", "Landmarks", "Motion", "SourceImage", "SourceState"]
