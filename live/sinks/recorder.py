"""Recording into an MP4 file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar

from fomm.errors import SinkError, VideoError
from fomm.video import VideoWriter
from live.frames import OutputFrame
from live.sinks.base import Sink
from live.slot import Slot


class Recorder(Sink):
    """H.264 in MP4, each frame at its own time. What was recorded plays, however the session ends.

    Encoding runs in a thread, one frame behind; a slower encoder holds the loop back rather than lose frames.

    Raises:
        VideoError: the file exists already, or cannot be written there.
    """

    wants_repeats: ClassVar[bool] = False

    def __init__(
        self, size: tuple[int, int], path: Path | str, *, rate: float = 30.0, overwrite: bool = False
    ) -> None:
        super().__init__(size)
        self.path = Path(path)
        self.name = str(path)
        self._writer = VideoWriter(self.path, size=size, rate=rate, overwrite=overwrite)
        self._slot: Slot[tuple[OutputFrame, float]] = Slot()
        self._failure: VideoError | None = None
        self._thread = threading.Thread(target=self._encode, name="recorder", daemon=True)
        self._thread.start()

    def _send(self, frame: OutputFrame, timestamp: float) -> None:
        if not self._slot.put((frame, timestamp)):
            raise SinkError(str(self._failure))

    def _close(self) -> None:
        self._slot.close()
        self._thread.join()
        try:
            self._writer.close()
        except VideoError as error:
            raise SinkError(str(self._failure or error)) from None
        if self._failure is not None:
            raise SinkError(str(self._failure))

    def _encode(self) -> None:
        first: float | None = None
        while not self._slot.ended:
            item = self._slot.take(timeout=1.0)
            if item is None:
                continue
            frame, timestamp = item
            first = timestamp if first is None else first
            try:
                self._writer.write(frame, timestamp - first)
            except VideoError as error:
                self._failure = error
                self._slot.close()
                return
