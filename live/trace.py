"""What every thread did when, for chrome://tracing and https://ui.perfetto.dev."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live.json_files import write_json

#: How many of the latest pieces of work are remembered: some ten minutes at 30 frames a second, in 20 MB.
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class _Work:
    """One thing that one thread did. Times are seconds of `time.perf_counter`."""

    name: str
    thread: int
    started: float
    ended: float
    frame: int | None


class Trace:
    """Collects pieces of work, from any thread, and writes them in Chrome's trace format.

    Work on the same driving frame is joined by arrows. With `on` False everything is forgotten at once, at next to
    no cost.
    """

    def __init__(self, *, on: bool = True, remembered: int = _REMEMBERED) -> None:
        self.on = on
        self._work: deque[_Work] = deque(maxlen=remembered)
        self._threads: dict[int, str] = {}
        #: What to add to `time.monotonic` to have `time.perf_counter`; on Windows they are two clocks.
        self._offset = time.perf_counter() - time.monotonic()

    @contextmanager
    def span(self, name: str, frame: int | None = None) -> Iterator[None]:
        """What happens inside is one piece of work of the calling thread, however it ends.

        Args:
            name: what is done.
            frame: the index of the driving frame it is done for.
        """
        if not self.on:
            yield
            return
        started = time.perf_counter()
        try:
            yield
        finally:
            thread = threading.current_thread()
            called = "loop" if thread is threading.main_thread() else thread.name
            work = _Work(name, thread.ident or 0, started, time.perf_counter(), frame)
            self._add(called, work)

    def captured(self, at: float, seconds: float, frame: int) -> None:
        """A driving frame was there.

        Args:
            at: when, as `time.monotonic` says.
            seconds: how long it took to come.
            frame: its index.
        """
        if self.on:
            ended = at + self._offset
            # No thread's identifier is 0.
            self._add("capture", _Work("capture", 0, ended - seconds, ended, frame))

    def write(self, path: Path) -> None:
        """Write what is remembered, all or nothing.

        Raises:
            ConfigError: the file cannot be written.
        """
        content = {"traceEvents": self.events(), "displayTimeUnit": "ms"}
        write_json(path, content, name="trace", indent=None)

    def events(self) -> list[dict[str, Any]]:
        """Chrome's trace events; times are microseconds."""
        process = os.getpid()
        # Threads go on while this is written.
        work = sorted(self._work.copy(), key=lambda one: one.started)
        events: list[dict[str, Any]] = [
            _meta("process_name", process, 0, "fomm-live"),
            *(_meta("thread_name", process, thread, name) for thread, name in self._threads.copy().items()),
        ]
        begun = work[0].started if work else 0.0
        frames: dict[int, list[_Work]] = defaultdict(list)
        for one in work:
            slice_ = {"name": one.name, "cat": "stage", "ph": "X", **_where(one, process, begun)}
            slice_["dur"] = round((one.ended - one.started) * 1e6, 1)
            if one.frame is not None:
                slice_["args"] = {"frame": one.frame}
                frames[one.frame].append(one)
            events.append(slice_)
        for frame, stages in frames.items():
            events += _arrows(frame, stages, process, begun)
        return events

    def _add(self, thread: str, work: _Work) -> None:
        self._threads[work.thread] = thread
        self._work.append(work)


def _where(work: _Work, process: int, begun: float) -> dict[str, Any]:
    return {"ts": round((work.started - begun) * 1e6, 1), "pid": process, "tid": work.thread}


def _arrows(frame: int, stages: list[_Work], process: int, begun: float) -> Iterator[dict[str, Any]]:
    """From each stage of a frame to the next: start, steps, finish. A single stage has none."""
    if len(stages) < 2:
        return
    for place, stage in enumerate(stages):
        kind = "s" if place == 0 else "f" if place == len(stages) - 1 else "t"
        arrow = {"name": "frame", "cat": "frame", "ph": kind, "id": frame, **_where(stage, process, begun)}
        if kind == "f":
            arrow["bp"] = "e"  # it ends in the piece of work around that moment, not in the next one
        yield arrow


def _meta(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
