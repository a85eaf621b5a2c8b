"""Following the driver's face, in a thread of its own, one frame ahead of the animator."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import numpy as np

from fomm.animators.base import Landmarks
from fomm.crops import SteadySquare
from fomm.faces import FaceFollower, FaceLandmarker
from live.clock import SourceClock
from live.frames import CapturedFrame, TrackedFrame
from live.slot import Slot
from live.smoothing import LandmarkSmoother
from live.sources.base import Notify, VideoSource
from live.trace import Trace


class FaceTracker(Protocol):
    """Finds the driver in successive frames.

    Attributes:
        face_count: how many faces the last frame held, the driver's among them.
    """

    face_count: int

    def track(self, frame: CapturedFrame) -> Landmarks | None:
        """The driver's landmarks in pixels of the frame, or None where the face is lost."""
        ...

    def close(self) -> None:
        """Free what is native; idempotent."""
        ...


class LandmarkTracker:
    """Face Landmarker on a stream. The largest face drives, and is followed; faces never swap.

    Args:
        backend: what executes its networks: one of `fomm.faces.BACKENDS`, or "auto".

    Attributes:
        backend: the name of the one in use.
        notices: sentences worth showing the user.

    Raises:
        ConfigError: it does not work here.
    """

    def __init__(self, backend: str = "auto") -> None:
        self._landmarker = FaceLandmarker(mode="video", backend=backend)
        self._follower = FaceFollower()
        self.backend, self.notices = self._landmarker.backend, self._landmarker.notices
        self.face_count = 0

    def track(self, frame: CapturedFrame) -> Landmarks | None:
        """See `FaceTracker.track`."""
        found = self._landmarker.detect(frame.pixels, frame.timestamp)
        self.face_count = len(found)
        return self._follower.choose(found)

    def close(self) -> None:
        """Free the native graph; idempotent."""
        self._landmarker.close()


class NoTracker:
    """For models that move the whole frame and need no face."""

    face_count = 0

    def track(self, _frame: CapturedFrame) -> None:
        """Nothing is looked for."""

    def close(self) -> None:
        """There is nothing to free."""


class TrackingStage:
    """Reads a source, tracks, and hands each frame over to the animator's thread.

    Tracking of frame n+1 overlaps the animation of frame n. There is no queue: a tracked frame waits to be
    taken, and only then the source's newest frame is read, so under load frames are dropped at capture.

    A tracker that fails on a frame counts as a lost face; the user is told once.

    Args:
        smoother: calms the landmarks, and through them the crop; None leaves them as the tracker finds them.
        clock: is told when frames were captured.
        trace: where to note what is done when.
    """

    def __init__(
        self,
        source: VideoSource,
        tracker: FaceTracker,
        *,
        notify: Notify,
        smoother: LandmarkSmoother | None = None,
        clock: SourceClock | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._source = source
        self._tracker = tracker
        self._smoother = smoother or LandmarkSmoother(0)
        self._clock = clock or SourceClock()
        self._notify = notify
        self._trace = trace or Trace(on=False)
        self._failed = False
        self._square = SteadySquare()
        self._out: Slot[TrackedFrame] = Slot()
        self._stopping = threading.Event()
        self._going_on = threading.Event()
        self._going_on.set()
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)

    def start(self) -> None:
        """Start the source and follow it."""
        self._source.start()
        self._thread.start()

    def take(self, timeout: float) -> TrackedFrame | None:
        """The next tracked frame, or None where none came within `timeout` seconds or the source has ended.

        Raises:
            FommError: the source broke for good.
        """
        return self._out.take(timeout)

    def pause(self, paused: bool) -> None:
        """Read and track nothing while paused; the source stays open, and drops what it captures."""
        if paused:
            self._going_on.clear()
        else:
            self._going_on.set()

    @property
    def ended(self) -> bool:
        """True once no further frame will come."""
        return self._out.ended

    def close(self) -> None:
        """Stop, and free the tracker; idempotent. The source is its opener's to close."""
        self._stopping.set()
        self._going_on.set()
        self._out.close()
        if self._thread.is_alive():
            self._thread.join(2.0)
        if not self._thread.is_alive():
            self._tracker.close()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            while not self._stopping.is_set():
                if not self._going_on.wait(timeout=0.5):
                    continue
                frame = self._source.read(timeout=0.1)
                if frame is not None:
                    self._trace.captured(frame.captured_at, frame.capture_s, frame.index)
                    self._clock.note(frame.timestamp, frame.captured_at)
                    with self._trace.span("track", frame.index):
                        tracked = self._track(frame)
                    if not self._out.hand_over(tracked):
                        break
                elif self._source.ended:
                    break
        except Exception as broken:
            error = broken
        finally:
            self._out.close(error)

    def _track(self, frame: CapturedFrame) -> TrackedFrame:
        started = time.perf_counter()
        landmarks, square, count = None, None, 0
        try:
            landmarks = self._tracker.track(frame)
            count = self._tracker.face_count
            if landmarks is not None and not np.isfinite(landmarks).all():
                landmarks = None  # what is no number would stay in the smoothing for good
            if landmarks is None:
                self._smoother.reset()
            else:
                landmarks = self._smoother.smooth(landmarks, frame.timestamp)
                square = self._square.follow(landmarks, frame.pixels.shape, frame.timestamp)
        except Exception as error:  # one odd frame must not end the session
            landmarks = None
            self._smoother.reset()
            if not self._failed:
                self._failed = True
                self._notify(f"tracking failed on a frame ({error}); such frames count as a lost face")
        return TrackedFrame(frame, landmarks, time.perf_counter() - started, square, count)
