"""Recording into an MP4 file."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import ClassVar

from fomm.errors import SinkError, VideoError
from fomm.video import VideoWriter, check_output
from live.composer import fitted
from live.frames import OutputFrame
from live.sinks.base import Sink
from live.slot import Slot


class Recorder(Sink):
    """H.264 in MP4, each frame at its own time. What was recorded plays, however the session ends.

    The file is begun with the first frame, so that a session that fails before leaves an older one alone.
    Encoding runs in a thread, one frame behind; a slower encoder holds the loop back rather than lose frames.

    The video keeps the size of its first frame: after `resize` frames are scaled, with black bars.

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
        check_output(self.path, overwrite=overwrite)
        _check_writable(self.path)
        self._rate = rate
        self._slot: Slot[tuple[OutputFrame, float]] = Slot()
        self._failure: VideoError | None = None
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)
        self._thread.start()

    def _send(self, frame: OutputFrame, timestamp: float) -> None:
        if not self._slot.put((frame, timestamp)):
            raise SinkError(str(self._failure))

    def _close(self) -> None:
        self._slot.close()
        self._thread.join()
        if self._failure is not None:
            raise SinkError(str(self._failure))

    def _record(self) -> None:
        try:
            first = self._next()
            if first is not None:
                self._encode(*first)
        except VideoError as error:
            self._failure = error
        finally:
            self._slot.close()

    def _encode(self, frame: OutputFrame, start: float) -> None:
        height, width = frame.shape[:2]
        size = (width, height)
        with VideoWriter(self.path, size=size, rate=self._rate, overwrite=True) as writer:
            writer.write(frame, 0.0)
            while (item := self._next()) is not None:
                frame, timestamp = item
                with self.trace.span("encode"):
                    writer.write(fitted(frame, size), timestamp - start)

    def _next(self) -> tuple[OutputFrame, float] | None:
        while not self._slot.ended:
            if (item := self._slot.take(timeout=1.0)) is not None:
                return item
        return None


def _check_writable(path: Path) -> None:
    try:
        if path.exists():
            with path.open("r+b"):
                pass
        else:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
    except OSError as error:
        raise VideoError(f"{path} cannot be written ({error.strerror}); choose another place") from None
