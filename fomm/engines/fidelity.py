"""How far an engine's pictures are from the model's own, and how far they may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fomm.engines.examples import Example, examples
from fomm.errors import EngineError
from fomm.keypoints import Transfer

if TYPE_CHECKING:
    from fomm.engines.base import Engine, Frames

#: What a precision may cost: the lowest PSNR in dB, and the largest error over contrast. PSNR alone flatters a flat
#: picture, whose every error is small.
BOUNDS = {"fp32": (60.0, 0.003), "fp16": (40.0, 0.03), "bf16": (40.0, 0.03), "int8": (35.0, 0.10)}

#: Pictures that an engine is judged by.
_TRIED = 3


@dataclass(frozen=True)
class Fidelity:
    """How near pictures are to what they should be.

    Attributes:
        psnr_db: peak signal to noise ratio, of 8-bit pictures; infinite for equal ones.
        error_over_std: root mean square of the error over the standard deviation of what should be.
        max_difference: the largest error of a pixel's channel, of 255.
    """

    psnr_db: float
    error_over_std: float
    max_difference: int

    @staticmethod
    def of(made: Frames, wanted: Frames) -> Fidelity:
        """Compare 8-bit pictures of one shape."""
        target = wanted.astype(np.float64)
        errors = np.abs(made.astype(np.float64) - target)
        rms = math.sqrt(np.square(errors).mean())
        return Fidelity(
            math.inf if rms == 0 else 20 * math.log10(255 / rms),
            rms / max(float(target.std()), 1e-9),
            int(errors.max()),
        )

    def worse(self, other: Fidelity) -> Fidelity:
        """The worse of both, number by number."""
        return Fidelity(
            min(self.psnr_db, other.psnr_db),
            max(self.error_over_std, other.error_over_std),
            max(self.max_difference, other.max_difference),
        )

    def within(self, precision: str) -> bool:
        """Whether a precision may be that far off."""
        lowest, largest = BOUNDS[precision]
        return self.psnr_db >= lowest and self.error_over_std <= largest

    def __str__(self) -> str:
        return f"PSNR {self.psnr_db:.1f} dB, error {self.error_over_std:.3f} of the contrast"


def judge(engine: Engine, truth: Engine, size: tuple[int, int]) -> Fidelity:
    """How near one engine's pictures are to another's, at their worst.

    Args:
        engine: whose pictures are in question.
        truth: float32 PyTorch of the same weights.
        size: `(height, width)`.
    """
    pairs = [
        Fidelity.of(_drive(engine, example), _drive(truth, example)) for example in examples(size, _TRIED)
    ]
    worst = pairs[0]
    for pair in pairs[1:]:
        worst = worst.worse(pair)
    return worst


def demand(fidelity: Fidelity, engine: Engine) -> None:
    """Refuse an engine whose pictures are too far off.

    Raises:
        EngineError: they are.
    """
    if not fidelity.within(engine.precision):
        lowest, largest = BOUNDS[engine.precision]
        raise EngineError(
            f"{engine.name} {engine.precision} makes pictures too far off ({fidelity}; allowed: {lowest:g} dB, "
            f"{largest:g}); choose another precision or engine"
        )


def _drive(engine: Engine, example: Example) -> Frames:
    from fomm.engines.base import to_pictures

    source = engine.encode(to_pictures(example.source[None]))
    neutral = engine.detect(to_pictures(example.neutral[None]))
    return engine.step(source, example.driving[None], Transfer.relative(source.keypoints, neutral))
