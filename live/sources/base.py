"""What every source of driving frames has in common: one capture thread and a slot of one."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol

from fomm.animators.base import Frame
from fomm.errors import CameraError, FommError
from live.frames import CapturedFrame
from live.slot import Slot

#: Takes one sentence worth telling the user while the session goes on.
Notify = Callable[[str], None]


class VideoSource(Protocol):
    """Where driving frames come from. Opening happens on construction, capturing from `start` on.

    Attributes:
        name: what messages call it.
        live: True where frames come in real time and late ones are dropped; False where capture waits.
    """

    name: str
    live: bool

    def start(self) -> None:
        """Begin to capture."""
        ...

    def read(self, timeout: float) -> CapturedFrame | None:
        """The newest frame, or None where none came within `timeout` seconds or the source has ended.

        Raises:
            FommError: the source broke for good.
        """
        ...

    @property
    def ended(self) -> bool:
        """True once no further frame will come."""
        ...

    @property
    def dropped(self) -> int:
        """Frames captured that nobody read in time."""
        ...

    def close(self) -> None:
        """Stop capturing and let the device go; idempotent."""
        ...


class RecordedSource(ABC):
    """Frames that exist already: a file, a folder.

    Args:
        name: what messages call it.
        paced: deliver frames when their timestamps say so and drop what is not read in time, as a camera
            does; False makes capture wait for the reader and drops nothing.
        loop: begin again at the end.
    """

    def __init__(self, name: str, *, paced: bool = True, loop: bool = False) -> None:
        self.name = name
        self.live = paced
        self._loop = loop
        self._slot: Slot[CapturedFrame] = Slot()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._capture, name="capture", daemon=True)

    @abstractmethod
    def _play(self) -> Iterator[tuple[Frame, float]]:
        """One pass: `(pixels, timestamp)`, timestamps growing from 0."""

    @property
    @abstractmethod
    def _interval(self) -> float:
        """Seconds from the last frame of one pass to the first of the next."""

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def read(self, timeout: float) -> CapturedFrame | None:
        """See `VideoSource.read`."""
        return self._slot.take(timeout)

    @property
    def ended(self) -> bool:
        """See `VideoSource.ended`."""
        return self._slot.ended

    @property
    def dropped(self) -> int:
        """See `VideoSource.dropped`."""
        return self._slot.dropped

    def close(self) -> None:
        """Stop playing; idempotent."""
        self._stopping.set()
        self._slot.close()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _capture(self) -> None:
        error: Exception | None = None
        try:
            started = asked = time.monotonic()
            for index, (pixels, timestamp) in enumerate(self._passes()):
                if self.live:
                    self._stopping.wait(max(0.0, started + timestamp - time.monotonic()))
                now = time.monotonic()
                frame = CapturedFrame(pixels, index, now, timestamp, now - asked)
                if not (self._slot.replace(frame) if self.live else self._slot.put(frame)):
                    break
                asked = time.monotonic()
        except FommError as broken:
            error = broken
        except Exception as broken:  # whatever a decoder throws must end the session, not leave it waiting
            error = CameraError(f"{self.name} cannot be read any further ({broken}); use another one")
        finally:
            self._slot.close(error)

    def _passes(self) -> Iterator[tuple[Frame, float]]:
        offset = 0.0
        while not self._stopping.is_set():
            timestamp = None
            for pixels, timestamp in self._play():
                yield pixels, offset + timestamp
            if not self._loop or timestamp is None:
                return
            offset += timestamp + self._interval

    def __enter__(self) -> RecordedSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
