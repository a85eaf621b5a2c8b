"""Measuring a session: what was shown, how fast, how late."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fomm.wording import counted, measured
from live.json_files import write_json

#: Percentiles cover this many of the latest frames, so that a session of hours needs no more memory.
_REMEMBERED = 20_000

#: What the window says of rate and latency is the average over the frames of this many seconds.
_RECENT_S = 2.0

#: Of less than this, in seconds, a frame rate would jump about.
_TOO_SHORT_S = 0.25


@dataclass(frozen=True)
class Report:
    """What `--report` writes.

    Attributes:
        model, engine: the animator and what executes it.
        size: `[width, height]` of the output.
        frames_in: driving frames captured while the session ran: `frames_out`, those without a face or before
            the neutral pose, and `dropped`.
        frames_out: distinct driving frames, each tracked and animated.
        dropped: frames captured that the loop had no time for.
        frames_repeated: frames handed over that no driving frame of their own stands behind: held, eased, the
            neutral portrait.
        face_lost_frames: driving frames in which no face was found.
        fps: `frames_out` a second while frames were driven: pauses, the privacy card, a frozen output and lost faces
            do not count.
        latency_ms: from a frame's capture to its hand-over to the sinks, p50, p95, p99.
        stage_ms: for each stage p50 and p95.
        peak_rss_mb: the most memory the process ever held; None where the system does not tell.
        start_to_first_frame_s: from process start to the first driven frame handed over; None where none was.
    """

    model: str
    engine: str
    size: tuple[int, int]
    frames_in: int
    frames_out: int
    dropped: int
    frames_repeated: int
    face_lost_frames: int
    fps: float
    latency_ms: dict[str, float | None]
    stage_ms: dict[str, dict[str, float | None]]
    peak_rss_mb: float | None
    start_to_first_frame_s: float | None

    def line(self) -> str:
        """The session in one line, such as "58.3 FPS (512x512, landmark-warp, cpu)". One frame has no rate."""
        fast = measured(self.fps, "FPS") if self.fps > 0 else counted(self.frames_out, "animated frame")
        return f"{fast} ({self.size[0]}x{self.size[1]}, {self.model}, {self.engine})"

    def write(self, path: Path) -> None:
        """Write as JSON, all or nothing.

        Raises:
            ConfigError: the file cannot be written.
        """
        write_json(path, asdict(self), name="report")


class Meter:
    """Collects what a report says."""

    def __init__(self) -> None:
        self.taken = self.driven = self.repeated = self.face_lost = 0
        self.first_driven_age: float | None = None
        self._stages: dict[str, deque[float]] = {}
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        #: When the latest driven frames reached the sinks, and how late.
        self._recent: deque[tuple[float, float]] = deque()
        #: How long frames have been driven, in how many steps from one to the next.
        self._driving_s, self._steps = 0.0, 0

    def stage(self, name: str, seconds: float) -> None:
        """One run of a stage."""
        self._stages.setdefault(name, deque(maxlen=_REMEMBERED)).append(seconds)

    def hand_over(self, captured_at: float, process_age: float) -> None:
        """A driven frame has reached the sinks."""
        now = time.monotonic()
        if self.driven == 0:
            self.first_driven_age = process_age
        self.driven += 1
        if self._recent:
            self._driving_s += now - self._recent[-1][0]
            self._steps += 1
        self._latencies.append(now - captured_at)
        self._recent.append((now, now - captured_at))
        while len(self._recent) > 2 and self._recent[0][0] < now - _RECENT_S:
            self._recent.popleft()

    def rest(self) -> None:
        """Nothing follows the driver now. How long that lasts says nothing of the frame rate."""
        self._recent.clear()

    @property
    def fps(self) -> float:
        """Driven frames a second over the whole session, as `Report.fps`."""
        return self._steps / self._driving_s if self._driving_s > 0 else 0.0

    @property
    def recent_fps(self) -> float | None:
        """Driven frames a second just now; None while nothing is driven, and until it is known."""
        seconds = self._recent[-1][0] - self._recent[0][0] if self._recent else 0.0
        return (len(self._recent) - 1) / seconds if seconds >= _TOO_SHORT_S else None

    @property
    def recent_latency_ms(self) -> float | None:
        """From capture to hand-over, the average over the last driven frames; None while nothing is driven."""
        if not self._recent:
            return None
        return 1000 * sum(late for _, late in self._recent) / len(self._recent)

    def report(self, *, model: str, engine: str, size: tuple[int, int], dropped: int) -> Report:
        """Everything so far."""
        return Report(
            model=model,
            engine=engine,
            size=size,
            frames_in=self.taken + dropped,
            frames_out=self.driven,
            dropped=dropped,
            frames_repeated=self.repeated,
            face_lost_frames=self.face_lost,
            fps=round(self.fps, 2),
            latency_ms=_percentiles(self._latencies, (50, 95, 99)),
            stage_ms={name: _percentiles(times, (50, 95)) for name, times in self._stages.items()},
            peak_rss_mb=peak_rss_mb(),
            start_to_first_frame_s=None if self.first_driven_age is None else round(self.first_driven_age, 3),
        )


def peak_rss_mb() -> float | None:
    """The most memory this process ever held, in MiB; None where the system does not tell."""
    try:
        # `getrusage` would count what the parent held when it forked.
        status = Path("/proc/self/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return round(int(found[1]) / 1024, 1) if found else None
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)  # macOS counts bytes


def _percentiles(seconds: Iterable[float], which: tuple[int, ...]) -> dict[str, float | None]:
    """In milliseconds; None where nothing was measured."""
    values = np.fromiter(seconds, np.float64)
    return {
        f"p{percent}": round(float(np.percentile(values, percent)) * 1000, 2) if values.size else None
        for percent in which
    }
