"""What a source of sound promises, and when its sound was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: `(N,)` int16, one channel.
Samples: TypeAlias = NDArray[np.signedinteger[Any]]

#: Over so many seconds of sound one block at least comes in time: what comes late all that long has moved.
_WINDOW_S = 2.0


@dataclass(frozen=True, eq=False)
class SoundBlock:
    """Some sound as it came.

    Attributes:
        samples: `(N,)` int16.
        rate: samples a second, by the source's own clock, which may run a little fast or slow.
        heard_at: `time.monotonic()` when the first sample was heard, as far as the source knows; it may be
            later than the truth where the block was delayed, never much earlier.
        lost: whether sound is missing before it.
    """

    samples: Samples
    rate: int
    heard_at: float
    lost: bool = False


class SoundSource(Protocol):
    """Where sound comes from, such as a microphone.

    Attributes:
        name: what messages call it.
        failure: why there is no sound, or no more; "" while it is being opened and while it delivers.
    """

    name: str
    failure: str

    def blocks(self) -> Sequence[SoundBlock]:
        """What was heard since the last call, in order; never waits."""
        ...

    def close(self) -> None:
        """Let it go; idempotent, and never waits for long."""
        ...


class Timekeeper:
    """When sound was really heard, out of blocks that come early, late and in bursts.

    A source's clock counts evenly, but runs a little fast or slow; the moments at which blocks come jitter, but
    only ever to the late. So the earliest block of the last seconds, measured by how much sound came before it,
    tells where the source's clock stands.
    """

    def __init__(self) -> None:
        self._counted = 0.0
        self._offsets: deque[tuple[float, float]] = deque()

    def __call__(self, block: SoundBlock) -> float:
        """`time.monotonic()` when the block's first sample was heard."""
        if block.lost:
            self._offsets.clear()
        offset = block.heard_at - self._counted
        # Kept growing, so that the first one is the smallest in the window.
        while self._offsets and self._offsets[-1][1] >= offset:
            self._offsets.pop()
        self._offsets.append((self._counted, offset))
        while self._offsets[0][0] < self._counted - _WINDOW_S:
            self._offsets.popleft()
        heard_at = self._counted + self._offsets[0][1]
        self._counted += len(block.samples) / block.rate
        return heard_at
