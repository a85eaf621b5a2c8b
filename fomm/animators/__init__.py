"""Animators: the models that turn a prepared source and a motion into a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fomm.animators.base import Animator, DrivingFrame, Frame, Landmarks, Motion, SourceImage, SourceState


def _landmark_warp(**options: Any) -> Animator:
    from fomm.animators.landmark_warp import LandmarkWarp

    return LandmarkWarp(**options)


#: name → factory; factories import what they need, so listing the names costs nothing.
MODELS: dict[str, Callable[..., Animator]] = {"landmark-warp": _landmark_warp}

__all__ = ["MODELS", "Animator", "DrivingFrame", "Frame", "Landmarks", "Motion", "SourceImage", "SourceState"]
