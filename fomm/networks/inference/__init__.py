"""The networks once more, for inference alone: the same functions of the same weights, in fewer operations.

Every rewrite is exact up to rounding; `docs/speed.md` counts what each one saves.
"""

from __future__ import annotations

from fomm.networks.inference.model import InferenceModel, SourceTensors
from fomm.networks.inference.upsampling import UpForm

__all__ = ["InferenceModel", "SourceTensors", "UpForm"]
