"""OpenVINO on the CPU: float32, bfloat16 or 8-bit integers, whatever the processor is quick at."""

from __future__ import annotations

from fomm.engines.openvino.choosing import create
from fomm.engines.openvino.engine import OpenVinoEngine

__all__ = ["OpenVinoEngine", "create"]
