"""Card, freezing, pause and passthrough in a whole session."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from live.frames import OutputFrame
from live.hotkeys import Command
from live.requests import Request
from live.sinks import Sink
from tests.live.doubles import Collector, driver_frame
from tests.live.test_session import FakeWindow, Stage, drivers, with_window


def levels(window: FakeWindow) -> list[int]:
    return [round(float(frame.mean())) for frame in window.frames]


def is_real(frame: np.ndarray) -> bool:
    """Whether a frame has the colours of `driver_frame`, which no avatar has."""
    return bool((frame[..., 1:] == 77).all())


def test_the_card_covers_the_avatar_and_nothing_of_the_driver_gets_out(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {3: [Command.PRIVACY_CARD], 8: [Command.PRIVACY_CARD]})
    stage.run(drivers(50, *[90] * 15))
    shown = levels(window)
    assert shown[2] == shown[8] == shown[-1] == 140
    assert len({frame.tobytes() for frame in window.frames[3:8]}) == 1
    assert all(50 < level < 90 for level in shown[3:8])
    assert not any(is_real(frame) for frame in window.frames)


def test_the_card_is_not_mirrored(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {2: [Command.PRIVACY_CARD], 4: [Command.MIRROR_OUTPUT]})
    stage.run(drivers(*[50] * 8))
    assert (window.frames[3] == window.frames[-1]).all()


def test_a_frozen_output_stays_and_the_avatar_goes_on_unseen(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {2: [Command.FREEZE], 5: [Command.FREEZE]})
    stage.run(drivers(50, 60, 70, 80, 90, 40, 45))
    assert levels(window) == [100, 110, 110, 110, 110, 90, 95]


def test_a_frozen_output_has_no_frame_rate_and_leaves_the_reports_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.preview._STATUS_EVERY_S", 0.0)
    stage, window = with_window(tmp_path, {50: [Command.FREEZE], 60: [Command.FREEZE]})
    stage.animator.delay = 0.01
    sent: list[float] = []
    send = window.send

    def slow_while_frozen(output: OutputFrame, timestamp: float) -> None:
        time.sleep(0.05 if 50 <= len(sent) < 60 else 0)
        send(output, timestamp)
        sent.append(time.monotonic())

    window.send = slow_while_frozen  # type: ignore[method-assign]
    stage.run(drivers(*[50, 60] * 50))
    rates = [view.status.fps for view in window.previewed if view.status is not None]
    assert len(rates) == 100
    assert rates[49] is not None
    assert rates[50:61] == [None] * 11
    assert rates[-1] is not None
    driving = (sent[49] - sent[0]) + (sent[-1] - sent[60])
    assert stage.session.report().fps == pytest.approx((49 + 39) / driving, rel=0.1)


def test_passthrough_shows_the_driver_only_while_it_is_on(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {})

    def requests() -> list[Request]:
        sent = len(window.frames)
        if sent == 2:
            return [Request(Command.PASSTHROUGH, "confirm")]
        return [Request(Command.NEXT_AVATAR)] if sent == 5 else []

    window.requests = requests  # type: ignore[method-assign]
    stage.run(drivers(*[50] * 5, *[None] * 20))
    assert [is_real(frame) for frame in window.frames[:6]] == [False, False, True, True, True, False]
    assert not any(is_real(frame) for frame in window.frames[5:]), "what is held is the avatar's"


def test_one_press_is_not_enough(tmp_path: Path) -> None:
    stage, window = with_window(tmp_path, {2: [Command.PASSTHROUGH], 4: [Command.PASSTHROUGH]})
    stage.run(drivers(*[50] * 30))
    assert not any(is_real(frame) for frame in window.frames)


def test_while_paused_the_portrait_rests_and_nothing_is_tracked(tmp_path: Path) -> None:
    answers: list[str] = []
    script: list[Request] = []

    class Script:
        def requests(self) -> list[Request]:
            due, script[:] = list(script), []
            return due

    sink = Collector()
    sinks: list[Sink] = [sink]
    stage = Stage(tmp_path, live=True, sinks=sinks)
    stage.session._sources = [Script()]
    tracked_at_rest: list[int] = []

    def play() -> None:
        for place in range(200):
            if stage.source.ended:
                return
            stage.source._slot.replace(_captured(stage, place))
            if place == 20:
                script.append(Request(Command.PAUSE, reply=lambda answer: answers.append(answer.text)))
            if place == 80:
                tracked_at_rest.append(len(stage.tracking._tracker.seen))  # type: ignore[attr-defined]
            if place == 110:
                tracked_at_rest.append(len(stage.tracking._tracker.seen))  # type: ignore[attr-defined]
                script.append(Request(Command.PAUSE))
            time.sleep(0.02)
        stage.source.finish()

    threading.Thread(target=play, daemon=True).start()
    stage.run()
    shown = [round(float(frame.mean())) for frame in sink.frames]
    assert answers == ["paused: the portrait rests"]
    assert tracked_at_rest[0] == tracked_at_rest[1]
    assert max(shown[:15]) == 140
    assert 100 in shown[15:]
    assert shown[-1] == 140, "it goes on"
    assert max(abs(np.diff(shown[shown.index(140) :]))) < 25, "without a jump"


def _captured(stage: Stage, place: int):  # type: ignore[no-untyped-def]
    from live.frames import CapturedFrame

    pixels = driver_frame(50 if place == 0 else 90)
    return CapturedFrame(pixels, place, time.monotonic(), place * 0.02)
