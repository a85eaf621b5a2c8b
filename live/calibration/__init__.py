"""The neutral pose: the driving frame that counts as "no motion". See `docs/live.md`."""

from live.calibration.calibration import Calibration, Neutral, Score, parse_neutral
from live.calibration.memory import Memory, memory_file

__all__ = ["Calibration", "Memory", "Neutral", "Score", "memory_file", "parse_neutral"]
