from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.animators.base import Frame, Motion
from fomm.errors import SinkError, VideoError
from live.calibration import Calibration, Neutral
from live.clock import SourceClock
from live.gallery import AvatarLoader
from live.hotkeys import Command, Hotkeys
from live.notices import Notices
from live.recording.recordings import Recordings
from live.requests import Request
from live.session import Session, SessionOptions
from live.sinks import Sink
from live.tracking import NoTracker, TrackingStage
from live.window import View
from tests.live.doubles import (
    SIZE,
    CodedTracker,
    Collector,
    Queue,
    ShiftAnimator,
    driver_frame,
    gallery_of,
)

REST = 100


class Stage:
    """A session on doubles: the driver's face at x brightens the portrait by x minus the neutral pose's x."""

    def __init__(
        self,
        tmp_path: Path,
        *,
        live: bool = False,
        sinks: list[Sink] | None = None,
        animator: ShiftAnimator | None = None,
        neutral: Neutral = "first",
        recordings: Recordings | None = None,
        clock: SourceClock | None = None,
        **options: Any,
    ) -> None:
        paths = []
        for name, value in (("a", REST), ("b", 200)):
            paths.append(tmp_path / f"{name}.png")
            cv2.imwrite(str(paths[-1]), np.full((SIZE[1], SIZE[0], 3), value, np.uint8))
        self.animator = animator or ShiftAnimator()
        self.source = Queue(live=live)
        tracker = CodedTracker() if self.animator.needs_face else NoTracker()
        self.tracking = TrackingStage(self.source, tracker, notify=lambda _: None, clock=clock)
        self.sink = Collector()
        self.notices = Notices()
        self.gallery = gallery_of(AvatarLoader(SIZE, "blur"), self.animator, paths, self.notices)
        self.checks: list[Exception] = []
        self.calibration = Calibration(neutral)
        self.session = Session(
            stage=self.tracking,
            dropped=lambda: self.source.dropped,
            animator=self.animator,
            gallery=self.gallery,
            sinks=[self.sink] if sinks is None else sinks,
            window=None,
            options=SessionOptions(SIZE, live=live, **options),
            calibration=self.calibration,
            recordings=recordings,
            notices=self.notices,
            check=self.check,
        )

    def check(self) -> None:
        if self.checks:
            raise self.checks.pop()

    def run(self, frames: list[Frame] | None = None, rate: float = 30.0) -> list[int]:
        """Play frames to the end; the brightness of every output frame."""
        if frames is not None:
            self.source.play(frames, rate)
        self.tracking.start()
        try:
            self.session.run()
        finally:
            self.tracking.close()
            self.gallery.close()
        return self.levels

    @property
    def levels(self) -> list[int]:
        return [round(float(frame.mean())) for frame in self.sink.frames]


def drivers(*places: int | None) -> list[Frame]:
    return [driver_frame(x) for x in places]


def test_motion_is_relative_to_the_first_face(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.run(drivers(50, 60, 70, 45)) == [100, 110, 120, 95]
    report = stage.session.report()
    assert (report.frames_in, report.frames_out, report.frames_repeated, report.dropped) == (4, 4, 0, 0)
    assert report.stage_ms.keys() == {"track", "drive", "compose", "send"}
    assert (report.model, report.engine) == ("shift", "cpu")
    assert report.start_to_first_frame_s is not None
    assert np.allclose(stage.sink.timestamps, np.arange(4) / 30)


def test_before_the_first_face_the_neutral_portrait_is_shown(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.run(drivers(None, None, 50, 60)) == [100, 100, 100, 110]
    report = stage.session.report()
    assert (report.frames_in, report.frames_out, report.frames_repeated) == (4, 2, 2)
    assert report.face_lost_frames == 2


def test_a_given_neutral_frame_is_waited_for(tmp_path: Path) -> None:
    assert Stage(tmp_path, neutral=2).run(drivers(50, 60, 70, 80)) == [100, 100, 100, 110]


def test_frames_ends_the_session(tmp_path: Path) -> None:
    stage = Stage(tmp_path, frames=3)
    assert len(stage.run(drivers(*range(50, 60)))) == 3
    assert stage.session.report().frames_in == 3


def test_a_lost_face_is_held_then_eased_to_the_portrait_and_eased_back(tmp_path: Path) -> None:
    shown = Stage(tmp_path).run(drivers(50, *[90] * 5, *[None] * 40, *[90] * 20))
    held, eased, back = shown[6:14], shown[14:46], shown[46:]
    assert set(held) == {140}
    assert eased == sorted(eased, reverse=True)
    assert eased[0] > 130
    assert set(eased[22:]) == {100}, "within a second of losing the face"
    assert len(set(eased)) > 8
    assert back == sorted(back)
    assert back[0] < 105
    assert back[-1] == 140


def test_while_the_face_is_lost_nothing_counts_as_animated(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.run(drivers(50, 60, *[None] * 30))
    report = stage.session.report()
    assert (report.frames_out, report.frames_repeated, report.face_lost_frames) == (2, 30, 30)


def test_recalibrating_eases_from_one_neutral_pose_to_the_next(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    feeder = drivers(50, *[90] * 60)
    stage.animator.drive = _at_call(stage.animator.drive, 6, stage.calibration.recalibrate)  # type: ignore[method-assign]
    shown = stage.run(feeder)
    assert set(shown[1:7]) == {140}
    assert max(abs(np.diff(shown[1:]))) <= 6, "no jump"
    assert shown[1:] == sorted(shown[1:], reverse=True), "and no detour"
    assert shown[40] == 100, "where the driver is now has become the neutral pose, within a second"


def test_a_pose_asked_for_while_another_is_on_its_way_waits_for_it(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {3: [Command.RECALIBRATE], 25: [Command.RECALIBRATE]})
    stage.run(drivers(50, *[90] * 22, *[70] * 60))
    levels = [round(float(frame.mean())) for frame in window.frames]
    assert levels[-1] == 100
    assert max(abs(np.diff(levels[1:22]))) <= 6


def test_searching_begins_at_rest_and_moves_from_there(tmp_path: Path) -> None:
    """A face that is no good as a neutral pose is given a second to become better, and eased in then."""
    shown = Stage(tmp_path, neutral="auto").run(drivers(*[50] * 40, *[90] * 40))
    assert set(shown[:30]) == {REST}
    assert shown[-1] == REST + 40


def _at_call(function: Any, number: int, also: Any) -> Any:
    calls = iter(range(10_000))

    def wrapped(*arguments: Any) -> Any:
        if next(calls) == number:
            also()
        return function(*arguments)

    return wrapped


def test_another_frame_size_is_eased_over_and_measured_afresh(tmp_path: Path) -> None:
    small = [driver_frame(x, (80, 60)) for x in [120] * 60 + [130] * 2]
    shown = Stage(tmp_path).run(drivers(50, 60) + small)
    assert max(abs(np.diff(shown[1:-2]))) <= 6
    assert shown[60] == 100
    assert shown[-1] == 110


def test_a_failing_animator_holds_the_last_avatar_frame(tmp_path: Path, capsys: Any) -> None:
    stage = Stage(tmp_path)
    stage.animator.drive = _at_call(stage.animator.drive, 2, _fail)  # type: ignore[method-assign]
    assert stage.run(drivers(50, 60, 70, 80)) == [100, 110, 110, 130]
    assert stage.session.report().frames_out == 3
    assert capsys.readouterr().err.count("failed on a frame") == 1


def _fail() -> None:
    raise RuntimeError("out of paint")


def test_an_animator_that_always_fails_shows_the_portrait(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.animator.fails = True
    assert stage.run(drivers(50, 60, 70)) == [REST] * 3
    assert stage.session.report().frames_out == 0


def test_a_broken_source_ends_the_session_with_its_error(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    threading.Timer(0.1, stage.source.finish, [VideoError("cut off")]).start()
    with pytest.raises(VideoError, match="cut off"):
        stage.run()


def test_what_check_raises_ends_the_session(tmp_path: Path) -> None:
    stage = Stage(tmp_path, live=True)
    threading.Timer(0.1, lambda: stage.checks.append(KeyboardInterrupt())).start()  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        stage.run()


def test_a_gap_is_filled_with_the_portrait_before_the_first_frame(tmp_path: Path) -> None:
    stage = Stage(tmp_path, live=True)
    threading.Timer(0.5, stage.source.finish).start()
    shown = stage.run()
    assert set(shown) == {REST}
    assert len(shown) >= 4


def test_a_stalled_source_is_held_then_eased_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path, live=True)

    def feed() -> None:
        for place, x in enumerate((50, 90, 90)):
            stage.source.put(driver_frame(x), place / 30)
        time.sleep(2.2)
        stage.source.finish()

    threading.Thread(target=feed, daemon=True).start()
    shown = stage.run()
    times = stage.sink.timestamps
    assert times == sorted(times)
    held = [level for level, at in zip(shown, times, strict=True) if 0.1 < at < 0.8]
    assert set(held) == {140}
    assert len(held) >= 5
    assert shown[-1] == REST
    assert len(set(shown)) > 6
    report = stage.session.report()
    assert report.frames_out == 3
    assert report.frames_repeated == len(shown) - 3


def test_a_recording_is_not_given_what_it_has_already(tmp_path: Path) -> None:
    class Recording(Collector):
        wants_repeats = False

    recording, camera = Recording(), Collector()
    stage = Stage(tmp_path, live=True, sinks=[recording, camera])

    def feed() -> None:
        stage.source.put(driver_frame(50), 0.0)
        stage.source.put(driver_frame(60), 0.03)
        time.sleep(0.5)
        stage.source.finish()

    threading.Thread(target=feed, daemon=True).start()
    stage.run()
    assert len(recording.frames) <= 3 < len(camera.frames)


class FakeWindow(Collector):
    """Gives the commands that a script has for after so many frames."""

    def __init__(self, script: dict[int, list[Command]]) -> None:
        super().__init__()
        self.script = script
        self.hotkeys = Hotkeys()
        self.previewed: list[View] = []

    def preview(self, view: View) -> None:
        self.previewed.append(view)

    def requests(self) -> list[Request]:
        return [Request(command) for command in self.script.pop(len(self.frames), [])]


def with_window(tmp_path: Path, script: dict[int, list[Command]]) -> tuple[Stage, FakeWindow]:
    window = FakeWindow(script)
    stage = Stage(tmp_path, sinks=[window])
    stage.session._preview.window = window  # type: ignore[assignment]
    return stage, window


def test_keys_mirror_show_and_quit(tmp_path: Path) -> None:
    script = {
        2: [Command.MIRROR_OUTPUT, Command.STATS, Command.HELP],
        4: [Command.MIRROR_OUTPUT],
        5: [Command.QUIT],
    }
    stage, window = with_window(tmp_path, script)
    left_dark = np.full((SIZE[1], SIZE[0], 3), 100, np.uint8)
    left_dark[:, :48] = 0
    stage.animator.drive = lambda *_: left_dark.copy()  # type: ignore[method-assign]
    stage.run(drivers(*[50] * 20))
    assert [bool(frame[0, 0, 0] == 0) for frame in window.frames] == [True, True, False, False, True]
    assert [bool(view.keys) for view in window.previewed] == [False, False, True, True, True]
    assert [view.numbers for view in window.previewed] == [True, True, False, False, False]
    assert all((view.camera.pixels[0, 0] == (51, 77, 77)).all() for view in window.previewed if view.camera)
    assert window.previewed[-1].camera is not None


def test_keys_change_the_avatar_while_the_old_one_goes_on(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {3: [Command.NEXT_AVATAR], 60: [Command.PREVIOUS_AVATAR]})
    stage.animator.delay = 0.01
    stage.run(drivers(*[50] * 120))
    levels = [round(float(frame.mean())) for frame in window.frames]
    assert (levels[0], levels[58], levels[-1]) == (100, 200, 100)
    assert set(levels) == {100, 200}
    assert len(levels) == 120


def test_a_key_recalibrates(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {3: [Command.RECALIBRATE]})
    stage.run(drivers(50, *[90] * 40))
    levels = [round(float(frame.mean())) for frame in window.frames]
    assert levels[2] == 140
    assert levels[-1] == 100


def test_recalibrating_without_a_face_waits_for_it(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {20: [Command.RECALIBRATE]})
    stage.run(drivers(50, *[90] * 10, *[None] * 50, *[70] * 20, 75))
    assert round(float(window.frames[-1].mean())) == 105


@pytest.mark.parametrize("keeps", [True, False])
def test_a_sink_that_fails_is_closed_and_the_others_go_on(tmp_path: Path, keeps: bool, capsys: Any) -> None:
    class Failing(Collector):
        name = "failing"
        wants_repeats = keeps

    failing, good = Failing(), Collector()
    failing.fails_with = SinkError("the disk is full")
    stage = Stage(tmp_path, sinks=[failing, good])
    stage.run(drivers(50, 60, 70))
    assert failing.closed
    assert len(good.frames) == 3
    assert capsys.readouterr().err.count("the disk is full; failing was closed, the session goes on") == 1


def test_without_its_recording_the_session_goes_on(tmp_path: Path) -> None:
    class Recording(Collector):
        wants_repeats = False

    recording = Recording()
    recording.fails_with = SinkError("the disk is full")
    stage = Stage(tmp_path, sinks=[recording])
    stage.run(drivers(50, 60, 70))
    assert stage.session.report().frames_out == 3


def test_without_its_only_camera_it_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.sink.fails_with = SinkError("the device was removed")
    with pytest.raises(SinkError, match="was removed"):
        stage.run(drivers(50, 60))


def test_the_driver_never_reaches_a_sink(tmp_path: Path) -> None:
    """Whatever happens, no output frame has a single pixel of the driver's picture."""
    stage = Stage(tmp_path)
    stage.animator.drive = _at_call(stage.animator.drive, 5, _fail)  # type: ignore[method-assign]
    places = [None, 50, 60, None, 70, 80, 90, *[None] * 40, 60, 70]
    stage.run([*drivers(*places), driver_frame(90, SIZE), driver_frame(None, SIZE)])
    assert len(stage.sink.frames) == len(places) + 2
    for frame in stage.sink.frames:
        # The portrait is grey, the driver (x, 77, 77).
        assert (frame[..., 0] == frame[..., 1]).all()
        assert not (frame == 77).all(axis=-1).any()


def test_a_model_that_needs_no_face_is_driven_by_every_frame(tmp_path: Path) -> None:
    class WholeFrame(ShiftAnimator):
        needs_face = False

        def drive(self, state: Any, motion: Motion) -> Frame:
            assert motion.driving.landmarks is None
            shift = motion.driving.pixels.astype(int).mean() - motion.neutral.pixels.mean()
            return np.clip(state.portrait + shift, 0, 255).round().astype(np.uint8)

    stage = Stage(tmp_path, animator=WholeFrame())
    levels = stage.run([np.full((32, 32, 3), value, np.uint8) for value in (0, 5, 20)])
    assert levels == [100, 105, 120]
    report = stage.session.report()
    assert (report.frames_out, report.face_lost_frames) == (3, 0)
