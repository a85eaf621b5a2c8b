"""What goes wrong around a session: clocks, sleep, slowness, nonsense from the tracker, several sessions, signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fomm.animators.base import Landmarks
from fomm.video import VideoReader
from live.frames import CapturedFrame
from live.sources.recorded import VideoFile
from live.tracking import TrackingStage
from tests.live.conftest import Finished, Running
from tests.live.doubles import CodedTracker, Queue, ShiftAnimator, driver_frame, face_at, write_video
from tests.live.test_session import REST, Stage


def feed(stage: Stage, places: list[int | None], times: list[float]) -> list[int]:
    """Play frames at these times; the brightness of every output frame."""

    def put() -> None:
        for x, at in zip(places, times, strict=True):
            stage.source.put(driver_frame(x), at)
        stage.source.finish()

    threading.Thread(target=put, daemon=True).start()
    return stage.run()


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["suspend", "set back"])
def test_after_a_jump_of_the_clock_the_avatar_follows_at_once(tmp_path: Path, jump: float) -> None:
    """A laptop that slept an hour, or a camera whose clock is set."""
    times = [i / 30 for i in range(10)] + [jump + i / 30 for i in range(10)]
    shown = feed(Stage(tmp_path), [50, *[90] * 9, *[70] * 10], times)
    assert shown == [REST, *[REST + 40] * 9, *[REST + 20] * 10]


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["suspend", "set back"])
def test_a_face_that_is_gone_after_a_jump_is_let_go_and_taken_up_again(tmp_path: Path, jump: float) -> None:
    times = [i / 30 for i in range(10)] + [jump + i / 30 for i in range(90)]
    shown = feed(Stage(tmp_path), [50, *[90] * 9, *[None] * 60, *[90] * 30], times)
    if jump > 0:
        assert shown[60] == REST
    assert shown[-1] == REST + 40


def test_without_a_face_from_first_to_last_the_portrait_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert set(feed(stage, [None] * 60, [i / 30 for i in range(60)])) == {REST}
    assert stage.session.report().frames_out == 0


def test_a_slow_machine_shows_the_newest_frame_and_collects_no_backlog(tmp_path: Path) -> None:
    """An animator that manages five frames a second, behind a source of thirty."""
    frames = [driver_frame(50 + i) for i in range(75)]
    clip = write_video(tmp_path / "clip.mp4", [np.full_like(frame, 80) for frame in frames])
    seen: list[int] = []

    class Counting(CodedTracker):
        def track(self, frame: CapturedFrame) -> Landmarks:
            seen.append(frame.index)
            return face_at(50 + frame.index)

    stage = Stage(tmp_path, animator=ShiftAnimator(delay=0.2), live=True)
    source = VideoFile(clip, paced=True)
    stage.source = source  # type: ignore[assignment]
    stage.tracking = stage.session._stage = TrackingStage(source, Counting(), notify=lambda _: None)
    stage.run()
    source.close()
    report = stage.session.report()
    assert report.frames_in == 75
    assert report.dropped > report.frames_out, "what there was no time for was left out"
    skipped = np.diff(seen)
    assert skipped.min() >= 1
    assert skipped.mean() > 2
    # The last frame is a late one: however slow, the avatar is not behind by more than it takes to draw it.
    assert seen[-1] >= 75 - 2 * skipped.max()


def test_nonsense_from_the_tracker_is_a_lost_face_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Numbers that are none would stay in the smoothing for good."""
    from live.smoothing import LandmarkSmoother

    class Nonsense(CodedTracker):
        def track(self, frame: CapturedFrame) -> Landmarks:
            face = face_at(50)
            if frame.index in (3, 4):
                face[7, 0] = np.nan if frame.index == 3 else np.inf
            return face

    stage = TrackingStage(
        Queue().play([driver_frame(50)] * 8),
        Nonsense(),
        notify=lambda _: None,
        smoother=LandmarkSmoother(0.5),
    )
    stage.start()
    found = []
    while not stage.ended:
        if (tracked := stage.take(1)) is not None:
            found.append(tracked.landmarks)
    stage.close()
    assert [landmarks is None for landmarks in found] == [False] * 3 + [True] * 2 + [False] * 3
    assert all(np.allclose(landmarks, face_at(50)) for landmarks in found if landmarks is not None)


def test_two_sessions_at_once_do_not_disturb_each_other(
    start: Callable[..., Running],
    fomm_live: Callable[..., Finished],
    avatar: Path,
    clip: Path,
    tmp_path: Path,
) -> None:
    flags = ("--avatar", avatar, "--camera", clip, "--loop", "--sink", "null", "--size", "128x128")
    one = start(*flags, "--report", "1.json")
    two = start(*flags, "--report", "2.json")
    deadline = time.monotonic() + 60
    while len(list(Path(os.environ["XDG_RUNTIME_DIR"]).glob("fomm-live/*.sock"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    ambiguous = fomm_live("send", "mirror-output")
    assert ambiguous.status == 2
    assert "2 sessions are running" in ambiguous.stderr
    assert fomm_live("send", "quit", "--all").status == 0
    for session, report in ((one, "1.json"), (two, "2.json")):
        done = session.finish()
        assert done.status == 0, done.stderr
        assert done.report(tmp_path / report)["frames_out"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals on this system")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_end_it_as_ctrl_c_does(
    start: Callable[..., Running], avatar: Path, clip: Path, tmp_path: Path, name: str
) -> None:
    """The system shuts down; the terminal is closed."""
    running = start(
        *("--avatar", avatar, "--camera", clip, "--loop", "--sink", "o.mp4", "--size", "128x128"),
        *("--report", "r.json"),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "o.mp4").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    running.process.send_signal(signal.Signals[name])
    done = running.finish(30)
    assert (done.status, done.stderr) == (128 + signal.Signals[name], "")
    assert (tmp_path / "r.json").exists()
    with VideoReader(tmp_path / "o.mp4") as reader:
        assert sum(1 for _ in reader) > 1, "what was recorded plays"
