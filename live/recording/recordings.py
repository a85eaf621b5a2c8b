"""The commands that record and take snapshots."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fomm.errors import FommError
from live.background import Background
from live.frames import OutputFrame
from live.hotkeys import Command
from live.memory import give_back
from live.recording.naming import reserve, videos_folder
from live.recording.snapshot import save_snapshot
from live.sinks import Sink, SinkOptions
from live.sinks.recorder import Recorder
from live.sources.base import Notify


@dataclass(frozen=True, eq=False)
class Moment:
    """What others see now.

    Attributes:
        frame: `(H, W, 3)` uint8 RGB of the output's size.
        timestamp: seconds on the driving source's clock.
        avatar: the picture that is shown.
    """

    frame: OutputFrame
    timestamp: float
    avatar: Path


class Recordings:
    """Begins and ends recordings, one at a time, and takes snapshots.

    Args:
        folder: where they go; None is the user's folder of videos.
        options: how recordings are made.
        notify: takes a sentence for the user.
    """

    def __init__(self, folder: str | None, options: SinkOptions, notify: Notify) -> None:
        self._folder = None if folder is None else Path(folder).expanduser()
        self._options = options
        self._notify = notify
        self._sinks: list[Sink] = []
        self._recorder: Recorder | None = None
        self._ending: list[Background[None]] = []
        self._reserved: set[Path] = set()

    @property
    def recorded_s(self) -> float | None:
        """Seconds recorded so far; None while nothing is recorded."""
        recorder = self._running()
        return None if recorder is None else recorder.recorded_s

    def begin(self, avatar: Path, size: tuple[int, int], path: Path | None = None) -> Recorder:
        """A recording, from the first frame that is sent to it.

        Args:
            avatar: gives it its name.
            size: `(width, height)` of the frames to come.
            path: instead of a new file in the folder.

        Raises:
            SinkError, VideoError: it cannot be made.
        """
        options = replace(self._options, size=size)
        if path is None:
            path = reserve(self._where(), avatar, ".mp4")
            self._reserved.add(path)
            options = replace(options, overwrite=True)
        self._recorder = Recorder(
            size, path, rate=options.rate, overwrite=options.overwrite, live=options.live
        )
        return self._recorder

    def commands(
        self, sinks: list[Sink], moment: Callable[[], Moment]
    ) -> Mapping[Command, Callable[[], str]]:
        """What the session registers.

        Args:
            sinks: of the session, to which a recording is added, and from which it is taken.
            moment: what others see now.
        """
        self._sinks = sinks

        def record() -> str:
            recorder = self._running()
            return self._begin_now(moment()) if recorder is None else self._end(recorder)

        def snapshot() -> str:
            seen = moment()
            return f"snapshot: {save_snapshot(seen.frame, self._where(), seen.avatar)}"

        return {Command.RECORD: record, Command.SNAPSHOT: snapshot}

    def close(self) -> None:
        """Finish what was begun; idempotent. What goes wrong is told."""
        if self._recorder is not None:
            self._finish(self._recorder)
            self._recorder = None
        for ending in self._ending:
            ending.result()
        self._ending.clear()
        self._tidy()

    def _begin_now(self, seen: Moment) -> str:
        height, width = seen.frame.shape[:2]
        recorder = self.begin(seen.avatar, (width, height))
        self._sinks.append(recorder)
        try:
            recorder.send(seen.frame, seen.timestamp)
        except FommError:
            self._end(recorder)
            raise
        return f"recording: {recorder.name}"

    def _end(self, recorder: Recorder) -> str:
        self._sinks.remove(recorder)
        self._recorder = None
        self._ending = [ending for ending in self._ending if not ending.done]
        # The last frames are still being encoded, and the session does not wait for them.
        seconds = recorder.recorded_s
        self._ending.append(Background(lambda: self._finish(recorder), name="end of recording"))
        return f"recorded {time.strftime('%H:%M:%S', time.gmtime(seconds))}: {recorder.name}"

    def _finish(self, recorder: Recorder) -> None:
        try:
            recorder.close()
        except FommError as error:
            self._notify(str(error))
        give_back()

    def _tidy(self) -> None:
        """Remove files that were reserved, and to which nothing came."""
        for path in self._reserved:
            with contextlib.suppress(OSError):
                if path.stat().st_size == 0:
                    path.unlink()
        self._reserved.clear()

    def _running(self) -> Recorder | None:
        """The one that runs; one that failed has been closed, and taken from the sinks, by the session."""
        if self._recorder is not None and self._recorder not in self._sinks:
            self._recorder = None
        return self._recorder

    def _where(self) -> Path:
        return self._folder or videos_folder()
