"""Doubles for what a test has no use for in full."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fomm.animators.base import Frame, Landmarks, Motion, SourceImage
from fomm.video import VideoWriter
from live.frames import CapturedFrame, OutputFrame
from live.gallery import AvatarLoader, Collection, Gallery
from live.sinks.base import Sink
from live.slot import Slot

SIZE = (96, 64)


def face_at(x: float, y: float = 40.0) -> Landmarks:
    """A face of 478 points, 40 pixels wide, whose centre is at (x, y)."""
    points = np.random.default_rng(7).uniform(-20, 20, (478, 3)).astype(np.float32)
    return points + np.array([x, y, 0], np.float32)


def driver_frame(x: int | None, size: tuple[int, int] = (160, 120)) -> Frame:
    """A picture of a driver whose face `CodedTracker` finds at x; None is a driver without a face."""
    pixels = np.full((size[1], size[0], 3), 77, np.uint8)
    pixels[:, :, 0] = 0 if x is None else x + 1
    return pixels


class CodedTracker:
    """Finds the face where the red channel says it is."""

    face_count = 1
    notices = ()

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.seen: list[int] = []
        self.closed = False

    def track(self, frame: CapturedFrame) -> Landmarks | None:
        time.sleep(self.delay)
        self.seen.append(frame.index)
        code = int(frame.pixels[0, 0, 0])
        return None if code == 0 else face_at(code - 1)

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True, eq=False)
class ShiftState:
    portrait: Frame


class ShiftAnimator:
    """Brightens the portrait by how far the driver's face has moved: one number to read motion from."""

    name, device, needs_face = "shift", "cpu", True

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.fails = False
        self.motions: list[Motion] = []

    def look(self, source: SourceImage) -> None:
        return None

    def prepare(self, source: SourceImage) -> ShiftState:
        return ShiftState(source.pixels)

    def drive(self, state: Any, motion: Motion) -> Frame:
        time.sleep(self.delay)
        if self.fails:
            raise RuntimeError("out of paint")
        self.motions.append(motion)
        rest = motion.neutral.landmarks[:, 0].mean()
        if motion.leaving is not None:
            before = motion.leaving.landmarks[:, 0].mean()
            rest = before + motion.arrived * (rest - before)
        moved = motion.driving.landmarks[:, 0].mean() - rest
        return np.clip(state.portrait + moved * motion.strength, 0, 255).round().astype(np.uint8)


class Queue:
    """A source that delivers what the test hands it."""

    name = "queue"

    def __init__(self, *, live: bool = False) -> None:
        self.live = live
        self._slot: Slot[CapturedFrame] = Slot()
        self._count = 0
        self.dropped = 0

    def start(self) -> None:
        pass

    def put(self, pixels: Frame, timestamp: float) -> None:
        self._slot.put(CapturedFrame(pixels, self._count, time.monotonic(), timestamp))
        self._count += 1

    def play(self, frames: list[Frame], rate: float = 30.0) -> Queue:
        def feed() -> None:
            for place, pixels in enumerate(frames):
                self.put(pixels, place / rate)
            self.finish()

        threading.Thread(target=feed, daemon=True).start()
        return self

    def finish(self, error: Exception | None = None) -> None:
        self._slot.close(error)

    def read(self, timeout: float) -> CapturedFrame | None:
        return self._slot.take(timeout)

    @property
    def ended(self) -> bool:
        return self._slot.ended

    def close(self) -> None:
        self._slot.close()


class Collector(Sink):
    """Keeps every frame."""

    name = "collector"

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        super().__init__(size)
        self.frames: list[OutputFrame] = []
        self.timestamps: list[float] = []
        self.fails_with: Exception | None = None
        self.closed = False

    def _send(self, frame: OutputFrame, timestamp: float) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        self.frames.append(frame)
        self.timestamps.append(timestamp)

    def _close(self) -> None:
        self.closed = True


def gallery_of(
    loader: AvatarLoader, animator: Any, paths: Sequence[Path], notify: Callable[[str], None], **options: Any
) -> Gallery:
    """A gallery of these pictures, the first one prepared."""
    return Gallery(
        Collection(paths),
        loader.prepare(animator, paths[0]),
        examine=partial(loader.examine, animator),
        prepare=partial(loader.prepare, animator),
        notify=notify,
        **options,
    )


def write_video(path: Path, frames: list[Frame], rate: float = 30.0) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, size=(width, height), rate=rate) as writer:
        for frame in frames:
            writer.write(frame)
    return path
