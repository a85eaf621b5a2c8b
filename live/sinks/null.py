"""The sink that keeps nothing, for measuring."""

from __future__ import annotations

from live.frames import OutputFrame
from live.sinks.base import Sink


class NullSink(Sink):
    """Takes frames and forgets them."""

    name = "null"

    def _send(self, frame: OutputFrame, timestamp: float) -> None:
        pass

    def _close(self) -> None:
        pass
