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

#: So many seconds of sound tell where a source's clock stands: what is late all that long has moved.
_WINDOW_S = 2.0

#: At first drivers are wrong about the time: PulseAudio by half a second, up to a second long.
_WRONG_S = 1.2


@dataclass(frozen=True, eq=False)
class SoundBlock:
    """Some sound as it came.

    Attributes:
        samples: `(N,)` int16.
        rate: samples a second, by the source's own clock, which may run a little fast or slow.
        heard_at: `time.monotonic()` when the first sample was heard, as far as the source knows.
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
    """When sound was really heard, out of blocks that come late and in bursts, or are wrong about their time.

    A source's clock counts evenly, but runs a little fast or slow. So how much sound came before a block tells when
    it was heard, given where the source's clock stands; and that the blocks of the last seconds tell together. Most
    are right. Of those that are not, far more are late than early, therefore the lower quartile and not the median.

    Attributes:
        counted: seconds of sound so far, by the source's clock.
        settled: whether enough of it has come.
    """

    def __init__(self) -> None:
        self.counted = 0.0
        self.settled = False
        self._offsets: deque[tuple[float, float]] = deque()

    def note(self, block: SoundBlock) -> float:
        """Take the next block into account; where it begins, in seconds of sound."""
        position = self.counted
        self.counted += len(block.samples) / block.rate
        if block.lost or (not self.settled and position > _WRONG_S):
            self._offsets.clear()
            self.settled = self.settled or position > _WRONG_S
        self._offsets.append((position, block.heard_at - position))
        while self._offsets[0][0] < position - _WINDOW_S:
            self._offsets.popleft()
        return position

    def heard_at(self, position: float) -> float:
        """`time.monotonic()` when the sound at this place was heard; of recent sound only."""
        offsets = sorted(offset for _, offset in self._offsets)
        return position + offsets[len(offsets) // 4]
