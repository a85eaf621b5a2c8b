"""The model as the published code runs it: see `fomm.reference`, where `fomm bench` needs it too."""

from __future__ import annotations

from fomm.reference import Frame, Reference, tf32

__all__ = ["Frame", "Reference", "tf32"]
