"""Training the First Order Motion Model as the paper does, on one device or many."""

from __future__ import annotations

from fomm.training.run import Schedule, Summary, Teacher, train

__all__ = ["Schedule", "Summary", "Teacher", "train"]
