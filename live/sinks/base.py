"""What every sink promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar

import numpy as np

from live.frames import OutputFrame
from live.trace import Trace


class Sink(ABC):
    """Where finished frames go. Opening happens on construction.

    Args:
        size: `(width, height)` of every frame.

    Attributes:
        name: what messages call it.
        wants_repeats: whether a frame shown already is worth sending again when nothing new has come: yes for
            what shows the present moment, no for a recording, where the last frame stands until the next.
        trace: where to note what threads of its own do when.

    Raises:
        SinkError: it cannot be opened; the message says why and what to do.
    """

    name: str
    wants_repeats: ClassVar[bool] = True

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.trace = Trace(on=False)
        self._open = True

    def send(self, frame: OutputFrame, timestamp: float) -> None:
        """Take one frame.

        Args:
            frame: `(height, width, 3)` uint8 RGB, C-contiguous. It may be kept: nobody writes to it again.
            timestamp: seconds on the driving source's clock.

        Raises:
            TypeError, ValueError: the frame is not what was agreed on.
            SinkError: it can no longer be delivered.
        """
        width, height = self.size
        if frame.dtype != np.uint8:
            raise TypeError(f"unexpected frame dtype: {frame.dtype}, not uint8")
        if frame.shape != (height, width, 3):
            raise ValueError(f"unexpected frame shape: {frame.shape}, not {(height, width, 3)}")
        if not self._open:
            raise ValueError(f"{self.name} is closed")
        self._send(frame, timestamp)

    def resize(self, size: tuple[int, int]) -> None:
        """From now on take frames of another `(width, height)`. What cannot change its own size scales them."""
        self.size = size

    def close(self) -> None:
        """Finish what was begun and let the device or file go; idempotent.

        Raises:
            SinkError: it could not be finished.
        """
        if self._open:
            self._open = False
            self._close()

    @abstractmethod
    def _send(self, frame: OutputFrame, timestamp: float) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
