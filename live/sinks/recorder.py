"""Recording into an MP4 file."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fomm.errors import SinkError, VideoError
from fomm.video import VideoWriter, check_output
from fomm.wording import counted
from live.clock import SourceClock
from live.composer import fitted
from live.frames import OutputFrame
from live.recording.sound import SoundSource
from live.recording.soundtrack import LiveSound
from live.sinks.backlog import Backlog
from live.sinks.base import Sink
from live.sources.base import Notify

#: So many frames wait for the encoder, before a live session goes on without the next one.
_WAITING = 8

#: So many of them may be missing, as a share, before it is worth a word.
_FORGIVEN = 0.02

#: While nothing comes, the last frame is recorded anew this often, in seconds: what was recorded plays up to there,
#: give or take what the encoder holds back.
_RESTING_S = 0.25

#: Not before this time, in seconds, has passed: a frame that was captured meanwhile may still be on its way.
_LATENCY_S = 1.0


@dataclass(frozen=True)
class LiveRecording:
    """What a recording of the present moment needs to know.

    Attributes:
        clock: tells when frames were captured.
        microphone: opens it; None records no sound.
        audio_delay: seconds by which the sound is moved: over 0 is later.
        notify: takes a sentence for the user.
    """

    clock: SourceClock
    microphone: Callable[[], SoundSource] | None = None
    audio_delay: float = 0.0
    notify: Notify = lambda _: None


class Recorder(Sink):
    """H.264 in MP4, each frame at its own time. What was recorded plays, however the session ends.

    The file is begun with the first frame, so that a session that fails before leaves an older one alone.
    Encoding runs in a thread, a few frames behind. While the present moment is recorded, a slower encoder leaves
    frames out rather than hold the session back; otherwise it holds the loop back rather than lose frames.

    The video keeps the size of its first frame: after `resize` frames are scaled, with black bars.

    Args:
        path: where to.
        rate: frames per second, about.
        overwrite: it may replace a file.
        live: what is recorded is the present moment; None is a conversion, as fast as it goes.

    Raises:
        VideoError: the file exists already, or cannot be written there.
    """

    wants_repeats: ClassVar[bool] = False

    def __init__(
        self,
        size: tuple[int, int],
        path: Path | str,
        *,
        rate: float = 30.0,
        overwrite: bool = False,
        live: LiveRecording | None = None,
    ) -> None:
        super().__init__(size)
        self.path = Path(path)
        self.name = str(path)
        check_output(self.path, overwrite=overwrite)
        _check_writable(self.path)
        self._rate = rate
        self._live = live
        self._backlog: Backlog[tuple[OutputFrame, float]] = Backlog(_WAITING if live else 1)
        self._sent = 0
        self._began_at: float | None = None
        self._ended_at = float("inf")
        self._failure: VideoError | None = None
        self._microphone = live.microphone() if live is not None and live.microphone is not None else None
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)
        self._thread.start()

    @property
    def recorded_s(self) -> float:
        """Seconds since the first frame was sent."""
        if self._began_at is None:
            return 0.0
        return max(0.0, min(time.monotonic(), self._ended_at) - self._began_at)

    def _send(self, frame: OutputFrame, timestamp: float) -> None:
        if self._began_at is None:
            self._began_at = time.monotonic()
        self._sent += 1
        if self._live is None:
            taken = self._backlog.put((frame, timestamp))
        else:
            taken = self._backlog.offer((frame, self._live.clock.monotonic(timestamp)))
        if not taken:
            raise SinkError(str(self._failure))

    def _close(self) -> None:
        self._ended_at = time.monotonic()
        self._backlog.close()
        self._thread.join()
        if self._microphone is not None:
            self._microphone.close()
        if self._failure is not None:
            raise SinkError(str(self._failure))
        if self._live is not None and self._backlog.refused > _FORGIVEN * self._sent:
            lost = counted(self._backlog.refused, "frame")
            self._live.notify(f"{self.name} lacks {lost}: this machine was too slow to record them all")

    def _record(self) -> None:
        try:
            first = self._first()
            if first is not None:
                self._encode(*first)
        except VideoError as error:
            self._failure = error
        finally:
            self._backlog.close()

    def _first(self) -> tuple[OutputFrame, float] | None:
        while not self._backlog.ended:
            if (first := self._backlog.take(timeout=1.0)) is not None:
                return first
        return None

    def _encode(self, frame: OutputFrame, start: float) -> None:
        height, width = frame.shape[:2]
        size = (width, height)
        with VideoWriter(
            self.path, size=size, rate=self._rate, sound=self._sound(start), overwrite=True
        ) as writer:
            if writer.silenced is not None:
                self._tell_silence(writer.silenced)
            last = start
            writer.write(frame, 0.0)
            while not self._backlog.ended:
                item = self._backlog.take(timeout=_RESTING_S)
                settled = time.monotonic() - _LATENCY_S
                if item is not None:
                    frame, last = fitted(item[0], size), item[1]
                elif self._live is not None and settled - last >= _RESTING_S:
                    last = settled
                else:
                    continue
                with self.trace.span("encode"):
                    writer.write(frame, last - start)
            if self._live is not None and self._ended_at > last + 1 / self._rate:
                writer.write(frame, self._ended_at - start)

    def _sound(self, start: float) -> LiveSound | None:
        if self._live is None or self._microphone is None:
            return None
        return LiveSound(self._microphone, start, self._live.audio_delay, self._tell_silence)

    def _tell_silence(self, why: str) -> None:
        if self._live is not None:
            self._live.notify(f"{self.name} goes on without sound: {why}")


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
