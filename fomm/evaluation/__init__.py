"""Measuring a model as the paper does: how well it reconstructs videos from their first frames."""

from __future__ import annotations

from fomm.evaluation.dataset import Clip, find_clips
from fomm.evaluation.evaluate import Report, Skipped, evaluate
from fomm.evaluation.identity import EMBEDDERS
from fomm.evaluation.metrics import Scores

__all__ = ["EMBEDDERS", "Clip", "Report", "Scores", "Skipped", "evaluate", "find_clips"]
