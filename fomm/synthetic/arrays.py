"""The array type and the two functions that everything here is made with."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def unit(vectors: Array) -> Array:
    """Vectors `(..., n)` at length 1."""
    scaled: Array = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12)
    return scaled


def smoothstep(low: float, high: float, x: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between; the other way round where `low` is the larger."""
    t = np.clip((x - low) / (high - low), 0, 1)
    smooth: Array = t * t * (3 - 2 * t)
    return smooth
