"""No pixel of the driver outside the lips ever leaves: two drivers who move alike, and look like nothing in common.

Two real sessions get the same faces and other pictures. Faces are lost and come back, avatars change and cross-fade,
the card comes and goes, the output is frozen, mirrored and zoomed, the neutral pose is taken anew. What the two send
is compared bit by bit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from fomm import resources
from fomm.animators.base import Frame, Landmarks, Motion
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.animators.landmark_warp.animator import WarpState
from fomm.landmarks import LIPS
from fomm.video import VideoReader
from live.calibration import Calibration
from live.frames import CapturedFrame, OutputFrame
from live.gallery import AvatarLoader
from live.hotkeys import Command
from live.requests import Request
from live.session import Session, SessionOptions
from live.sinks.base import Sink
from live.tracking import LandmarkTracker, TrackingStage
from tests.live.doubles import Queue, gallery_of

SIZE = (128, 128)
Mouth = Literal["driver", "painted"]

#: Frames for which a mouth that was drawn may still be seen: longer than a cross-fade.
_LINGERS = 12

#: What happens in every 400 frames, after how many.
_SCRIPT = {
    40: [Command.NEXT_AVATAR],
    90: [Command.PRIVACY_CARD],
    110: [Command.PRIVACY_CARD],
    150: [Command.RECALIBRATE],
    190: [Command.FREEZE],
    205: [Command.FREEZE],
    230: [Command.MIRROR_OUTPUT],
    260: [Command.ZOOM_IN, Command.SHIFT_LEFT],
    300: [Command.SEARCH],
    320: [Command.SEARCH],
    340: [Command.RESET_VIEW, Command.PREVIOUS_AVATAR],
    370: [Command.PRIVACY_CARD],
    375: [Command.NEXT_AVATAR],
    380: [Command.PRIVACY_CARD],
}


@dataclass(frozen=True)
class Driver:
    """What a camera would have seen: frames, and the face in each."""

    frames: list[Frame]
    faces: list[Landmarks]


@pytest.fixture(scope="module")
def driver(clip: Path) -> Driver:
    """Every fourth frame of the bundled clip, small."""
    with VideoReader(clip) as reader:
        frames = [
            np.asarray(cv2.resize(pixels, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
            for place, (pixels, _) in enumerate(reader)
            if place % 4 == 0
        ]
    tracker = LandmarkTracker()
    found = [tracker.track(CapturedFrame(pixels, i, 0.0, i / 7)) for i, pixels in enumerate(frames)]
    tracker.close()
    faces = [face for face in found if face is not None]
    assert len(faces) == len(frames)
    return Driver(frames, faces)


def track(driver: Driver, count: int) -> list[tuple[int, bool]]:
    """For each of `count` frames, which of the driver's it is and whether the face is found: it is lost for a frame,
    for the time that the last one is held, and for seconds."""
    random = np.random.default_rng(11)
    places = [*range(len(driver.frames)), *reversed(range(len(driver.frames)))]
    found: list[bool] = []
    while len(found) < count:
        found += [True] * int(random.integers(20, 160))
        found += [False] * int(random.choice([1, 3, 8, 15, 40, 90]))
    return [(places[index % len(places)], found[index]) for index in range(count)]


class KnownFaces:
    """A tracker that was told where the faces are, so that other pixels cannot change the motion."""

    face_count = 1

    def __init__(self, driver: Driver, moves: list[tuple[int, bool]]) -> None:
        self._driver, self._moves = driver, moves

    def track(self, frame: CapturedFrame) -> Landmarks | None:
        place, found = self._moves[frame.index]
        return self._driver.faces[place] if found else None

    def close(self) -> None:
        pass


class Watched(LandmarkWarp):
    """Notes where the avatar's lips are in what it draws."""

    lips: tuple[WarpState, np.ndarray] | None = None

    def drive(self, state: WarpState, motion: Motion) -> Frame:
        outline = self.avatar_motion(state, motion).landmarks[LIPS.ravel(), :2]
        drawn = np.zeros(state.portrait.shape, np.uint8)
        cv2.fillConvexPoly(drawn, cv2.convexHull(np.round(outline).astype(np.int32)), (255, 255, 255))
        self.lips = state, drawn
        return super().drive(state, motion)


class Handing(Sink):
    """Hands every frame on, as soon as it is taken."""

    name = "handing"

    def __init__(self, sent: Callable[[OutputFrame], None]) -> None:
        super().__init__(SIZE)
        self._sent = sent
        self.count = 0

    def _send(self, frame: OutputFrame, timestamp: float) -> None:
        self._sent(frame)
        self.count += 1

    def _close(self) -> None:
        pass


class Script:
    """Commands at certain frames."""

    def __init__(self, sink: Handing) -> None:
        self._sink, self._given = sink, 0

    def requests(self) -> Iterator[Request]:
        if self._sink.count > self._given:
            self._given = self._sink.count
            yield from (Request(command) for command in _SCRIPT.get(self._given % 400, []))


class Performance:
    """A session in a thread of its own, with `pictures` for what the camera sees."""

    def __init__(
        self,
        driver: Driver,
        moves: list[tuple[int, bool]],
        pictures: Callable[[int], Frame],
        mouth: Mouth,
        sent: Callable[[OutputFrame], None],
    ) -> None:
        avatars = sorted(resources.AVATARS.glob("*.jpg"))[:2]
        self.animator = Watched(mouth=mouth)
        loader = AvatarLoader(SIZE, "fill")
        self.gallery = gallery_of(loader, self.animator, avatars, lambda _: None, head_start=0.0)
        self.source = Queue()
        self.sink = Handing(sent)
        self.stage = TrackingStage(self.source, KnownFaces(driver, moves), notify=lambda _: None)
        self.notices: list[str] = []
        self.session = Session(
            stage=self.stage,
            dropped=lambda: 0,
            animator=self.animator,
            gallery=self.gallery,
            sinks=[self.sink],
            window=None,
            options=SessionOptions(SIZE, fit="fill", live=False, crossfade_s=0.25),
            calibration=Calibration("auto"),
            notices=_Silent(),
            check=lambda: None,
            sources=[Script(self.sink)],
        )
        self._play = lambda: (
            [self.source.put(pictures(index), index / 30) for index in range(len(moves))]
            and self.source.finish()
        )
        self.failure: BaseException | None = None

    def start(self) -> None:
        # Both avatars are ready beforehand, so that both sessions change to them at the same frame.
        deadline = time.monotonic() + 60
        while not self.gallery.idle:
            assert time.monotonic() < deadline
            self.gallery.poll()
            time.sleep(0.02)
        self.stage.start()
        threading.Thread(target=self._play, daemon=True).start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.session.run()
        except BaseException as error:
            self.failure = error

    def finish(self) -> None:
        self._thread.join(3500)  # should one fail, the other gives up after a minute
        self.stage.close()
        self.gallery.close()
        assert self.failure is None
        assert not self._thread.is_alive()


class _Silent:
    """Notices nobody reads."""

    recent = ()

    def __call__(self, message: str) -> None:
        pass

    show = __call__


def lips_in_output(session: Session, state: WarpState, drawn: np.ndarray) -> np.ndarray:
    """Where what was drawn comes to be in the output, `(H, W)` bool."""
    arrangement = session._arrangement
    arranged = arrangement.of(session._gallery.current)
    assert session._gallery.current.state is state
    shown = arranged.layout.compose(drawn, mirror=arrangement.mirrored)
    # One pixel more: what is enlarged is interpolated.
    return np.asarray(cv2.dilate(shown[..., 0], np.ones((3, 3), np.uint8)) > 0)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(420, id="short"),
        pytest.param(10_000, id="10000", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
@pytest.mark.parametrize("mouth", ["driver", "painted"])
def test_two_drivers_who_move_alike_are_the_same_but_for_the_lips(
    driver: Driver, mouth: Mouth, frames: int
) -> None:
    moves = track(driver, frames)
    noise = np.random.default_rng(5).integers(0, 256, (7, *driver.frames[0].shape), np.uint8)
    handed: queue.Queue[tuple[OutputFrame, np.ndarray]] = queue.Queue(maxsize=4)
    masks: deque[np.ndarray] = deque(maxlen=_LINGERS)
    seen: dict[str, Any] = {"compared": 0, "outside": [], "inside": 0, "area": 0.0}

    def first(frame: OutputFrame) -> None:
        lips, one.animator.lips = one.animator.lips, None
        if lips is not None:
            masks.append(lips_in_output(one.session, *lips))
        around = np.any(masks, axis=0) if masks else np.zeros(frame.shape[:2], bool)
        handed.put((frame, around), timeout=60)

    def second(frame: OutputFrame) -> None:
        other, lips = handed.get(timeout=60)
        differs = (frame != other).any(axis=-1)
        if (differs & ~lips).any() or (mouth == "painted" and differs.any()):
            seen["outside"].append(seen["compared"])
        seen["inside"] += bool(differs.any())
        seen["area"] += lips.mean() / frames
        seen["compared"] += 1

    one = Performance(driver, moves, lambda index: driver.frames[moves[index][0]], mouth, first)
    two = Performance(driver, moves, lambda index: noise[index % len(noise)], mouth, second)
    one.start()
    two.start()
    one.finish()
    two.finish()
    assert seen["outside"] == []
    assert seen["compared"] == frames
    assert seen["area"] < 0.08, "the lips are a small part of the picture"
    assert one.session.report().frames_out > frames / 3, "the avatar was driven"
    assert one.session.report().face_lost_frames > frames / 20
    if mouth == "driver":
        assert seen["inside"] > frames / 50, "the drivers do look different"
