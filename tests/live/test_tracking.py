from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from fomm.crops import Square
from fomm.errors import VideoError
from fomm.video import VideoReader
from live.frames import CapturedFrame, TrackedFrame
from live.smoothing import LandmarkSmoother
from live.tracking import LandmarkTracker, TrackingStage
from tests.live.doubles import CodedTracker, Queue, driver_frame, face_at


def take_all(stage: TrackingStage, wait: float = 0.0) -> list[TrackedFrame]:
    taken = []
    while not stage.ended:
        tracked = stage.take(1)
        if tracked is not None:
            taken.append(tracked)
            time.sleep(wait)
    return taken


def quiet(_: str) -> None:
    pass


def test_every_frame_is_tracked_and_handed_over_in_order() -> None:
    source = Queue().play([driver_frame(x if x % 3 else None) for x in range(12)])
    tracker = CodedTracker()
    stage = TrackingStage(source, tracker, notify=quiet)
    stage.start()
    taken = take_all(stage)
    stage.close()
    assert [tracked.captured.index for tracked in taken] == list(range(12))
    assert [tracked.landmarks is None for tracked in taken] == [x % 3 == 0 for x in range(12)]
    assert (taken[4].landmarks == face_at(4)).all()
    assert tracker.closed


def test_tracking_overlaps_what_the_taker_does() -> None:
    source = Queue().play([driver_frame(1)] * 10)
    stage = TrackingStage(source, CodedTracker(delay=0.04), notify=quiet)
    stage.start()
    stage.take(1)
    began = time.monotonic()
    take_all(stage, wait=0.04)
    assert time.monotonic() - began < 9 * 0.08 * 0.8
    stage.close()


def test_it_never_runs_more_than_one_frame_ahead() -> None:
    source = Queue().play([driver_frame(1)] * 10)
    tracker = CodedTracker()
    stage = TrackingStage(source, tracker, notify=quiet)
    stage.start()
    time.sleep(0.1)
    assert tracker.seen == [0]
    stage.take(1)
    time.sleep(0.1)
    assert tracker.seen == [0, 1]
    stage.close()


def test_a_failing_tracker_counts_as_a_lost_face_and_is_told_once() -> None:
    class Failing(CodedTracker):
        def track(self, frame: CapturedFrame) -> None:
            raise RuntimeError("graph broke")

    notices: list[str] = []
    stage = TrackingStage(Queue().play([driver_frame(1)] * 3), Failing(), notify=notices.append)
    stage.start()
    assert [tracked.landmarks for tracked in take_all(stage)] == [None] * 3
    stage.close()
    assert len(notices) == 1
    assert "graph broke" in notices[0]


def test_a_broken_source_ends_it_with_the_error() -> None:
    source = Queue()
    threading.Timer(0.05, source.finish, [VideoError("the disk was pulled out")]).start()
    stage = TrackingStage(source, CodedTracker(), notify=quiet)
    stage.start()
    with pytest.raises(VideoError, match="pulled out"):
        stage.take(2)
    assert stage.ended
    stage.close()


def test_closing_does_not_wait_for_a_taker() -> None:
    tracker = CodedTracker()
    stage = TrackingStage(Queue().play([driver_frame(1)] * 10), tracker, notify=quiet)
    stage.start()
    time.sleep(0.05)
    began = time.monotonic()
    stage.close()
    stage.close()
    assert time.monotonic() - began < 1
    assert tracker.closed


@pytest.mark.parametrize("backend", ["openvino", "mediapipe"])
def test_both_backends_follow_the_bundled_clip(clip: Path, backend: str) -> None:
    tracker = LandmarkTracker(backend)
    assert (tracker.backend, tracker.notices) == (backend, ())
    with VideoReader(clip) as reader:
        for index, (pixels, timestamp) in zip(range(8), reader, strict=False):
            landmarks = tracker.track(CapturedFrame(pixels, index, 0.0, timestamp))
            assert landmarks is not None
            assert landmarks.shape == (478, 3)
            assert tracker.face_count == 1
    tracker.close()


def test_the_square_for_face_models_keeps_still_while_the_head_does() -> None:
    source = Queue().play([driver_frame(x) for x in (50, 52, 49, None, 51, 110)])
    stage = TrackingStage(source, CodedTracker(), notify=quiet)
    stage.start()
    squares = [tracked.driving.square for tracked in take_all(stage)]
    stage.close()
    assert squares[0] == Square.around_face(face_at(50), (120, 160, 3))
    assert squares[1:5] == [squares[0], squares[0], None, squares[0]]
    assert squares[5] == Square.around_face(face_at(110), (120, 160, 3)), "a leap takes it along"


def test_landmarks_are_smoothed_on_their_way_and_afresh_after_a_loss() -> None:
    source = Queue().play([driver_frame(x) for x in (50, 51, None, 60)])
    stage = TrackingStage(source, CodedTracker(), notify=quiet, smoother=LandmarkSmoother(1.0))
    stage.start()
    taken = take_all(stage)
    stage.close()
    assert taken[1].landmarks is not None
    assert 50 < taken[1].landmarks[:, 0].mean() - face_at(0)[:, 0].mean() < 51
    assert taken[3].landmarks is not None
    assert (taken[3].landmarks == face_at(60)).all()
    assert [tracked.face_count for tracked in taken] == [1, 1, 1, 1]
