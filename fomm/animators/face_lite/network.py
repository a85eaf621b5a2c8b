"""The network that corrects the warp's motion: described once, for everything that trains or executes it.

A small U-Net (Ronneberger et al., 2015) from clues at 64x64 to a correction at 32x32. It sees no picture: what has
no texture cannot look synthetic, so what it learns from synthetic people holds for real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

#: Side of the clues, and of the correction, in cells.
CLUE_CELLS, CORRECTION_CELLS = 64, 32

#: What the network sees: the warp's displacement, the matte at rest and warped, sketches of the face at rest and as
#: it moves, where a cell is, and the head's pose (see `fomm.animators.face_lite.clues`).
CLUES = 20
#: Which of them is the moved face, filled.
FACE = 9
#: What it says: the correction's x and y, and the logit of being visible in the source.
OUTPUTS = 3

Array: TypeAlias = NDArray[np.floating[Any]]

#: `NAME.weight` and `NAME.bias` of each layer, float32, the normalisation folded in.
Weights: TypeAlias = Mapping[str, Array]

T = TypeVar("T")


@dataclass(frozen=True)
class Layer:
    """A convolution with its padding, normalised and rectified but for the last.

    Attributes:
        inputs, outputs: channels.
        kernel, stride: pixels; the padding is 1.
    """

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1


class Operators(Protocol[T]):
    """What executes layers."""

    def layer(self, name: str, x: T) -> T:
        """The layer of that name, as `layers` has it, on `(B, C, H, W)`."""
        ...

    def enlarge(self, x: T) -> T:
        """Twice as large, each value four times."""
        ...

    def join(self, first: T, second: T) -> T:
        """Channels of both."""
        ...


def layers(width: int) -> dict[str, Layer]:
    """The layers by name.

    Args:
        width: channels at 32x32.
    """
    w2, w3, w4 = 2 * width, 3 * width, 4 * width
    return {
        "down1": Layer(CLUES, width, kernel=4, stride=2),
        "level1": Layer(width, width),
        "down2": Layer(width, w2, stride=2),
        "level2": Layer(w2, w2),
        "down3": Layer(w2, w3, stride=2),
        "level3": Layer(w3, w3),
        "down4": Layer(w3, w4, stride=2),
        "level4": Layer(w4, w4),
        "up3": Layer(w4 + w3, w3),
        "up2": Layer(w3 + w2, w2),
        "up1": Layer(w2 + width, width),
        LAST: Layer(width, OUTPUTS),
    }


#: The layer that is neither normalised nor rectified.
LAST = "out"


def correct(operators: Operators[T], clues: T) -> T:
    """`(B, CLUES, 64, 64)` → `(B, OUTPUTS, 32, 32)`."""
    one = operators.layer("level1", operators.layer("down1", clues))
    two = operators.layer("level2", operators.layer("down2", one))
    three = operators.layer("level3", operators.layer("down3", two))
    four = operators.layer("level4", operators.layer("down4", three))
    x = operators.layer("up3", operators.join(operators.enlarge(four), three))
    x = operators.layer("up2", operators.join(operators.enlarge(x), two))
    x = operators.layer("up1", operators.join(operators.enlarge(x), one))
    return operators.layer(LAST, x)


def width_of(weights: Weights) -> int:
    """The width of the network whose weights these are, by the bias of its first layer."""
    return len(weights["down1.bias"])
