"""Putting a session together, with doubles for everything that is slow or needs a device."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.animators import MODELS
from fomm.errors import ConfigError, FommError, ImageError, SinkError, VideoError
from live import app
from live.app import Settings, run
from live.config import Setting, assemble
from live.interrupts import Interrupted, Interrupts
from live.notices import Notices
from live.report import Report
from live.sinks import Sink
from tests.live.doubles import SIZE, CodedTracker, Collector, Queue, ShiftAnimator, driver_frame


class Studio:
    """Everything `run` opens."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.avatar = folder / "avatar.png"
        cv2.imwrite(str(self.avatar), np.full((SIZE[1], SIZE[0], 3), 100, np.uint8))
        self.report = folder / "report.json"
        self.animator, self.tracker, self.sink = ShiftAnimator(), CodedTracker(), Collector()
        self.source = Queue().play([driver_frame(x) for x in (50, 60, 70)])
        self.source_error: FommError | None = None
        self.source_closed = threading.Event()
        self.ready = threading.Event()
        self.ready.set()
        self.interrupts = Interrupts()
        close = self.source.close
        self.source.close = lambda: (self.source_closed.set(), close())[1]  # type: ignore[method-assign]
        monkeypatch.setattr(app, "LandmarkTracker", lambda _: self.tracker)
        monkeypatch.setitem(MODELS, "landmark-warp", lambda **_: self.animator)
        monkeypatch.setattr(app, "open_source", self.open_source)
        monkeypatch.setattr(app, "open_sinks", self.open_sinks)

    def open_source(self, *_: Any) -> Queue:
        self.ready.wait(5)
        if self.source_error is not None:
            raise self.source_error
        return self.source

    def open_sinks(self, *_: Any) -> tuple[list[Sink], None]:
        return [self.sink], None

    def run(self, settings: dict[str, Any] | None = None, **others: Any) -> Any:
        wanted = {"gallery.avatars": (str(self.avatar),), "output.size": SIZE} | (settings or {})
        config = assemble({path: Setting(value, "test") for path, value in wanted.items()})
        chosen = Settings(config, report=self.report, **others)
        told: list[Report] = []
        run(chosen, notices=Notices(), interrupts=self.interrupts, tell=told.append)
        return told[0]


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    return Studio(tmp_path, monkeypatch)


def test_a_session_from_start_to_end(studio: Studio) -> None:
    report = studio.run()
    assert report.frames_out == 3
    assert json.loads(studio.report.read_text())["frames_out"] == 3
    assert studio.sink.closed
    assert studio.tracker.closed
    assert studio.source_closed.is_set()


def test_from_the_first_moment_the_portrait_is_shown(studio: Studio) -> None:
    studio.ready.clear()
    threading.Timer(0.4, studio.ready.set).start()
    studio.run()
    levels = [round(float(frame.mean())) for frame in studio.sink.frames]
    assert levels[-3:] == [100, 110, 120]
    assert len(levels) >= 10
    assert set(levels[:-3]) == {100}


def test_whatever_cannot_be_opened_leaves_nothing_open(studio: Studio) -> None:
    studio.source_error = VideoError("no such clip")
    with pytest.raises(VideoError, match="no such clip"):
        studio.run()
    assert studio.sink.closed
    assert studio.tracker.closed
    assert not studio.report.exists()


def test_a_bad_avatar_is_refused_before_any_sink_is_opened(studio: Studio) -> None:
    studio.avatar.write_text("broken")
    studio.open_sinks = None  # type: ignore[assignment,method-assign]
    with pytest.raises(ImageError):
        studio.run()


def test_a_sink_that_breaks_while_waiting_is_told(studio: Studio) -> None:
    studio.ready.clear()
    studio.sink.fails_with = SinkError("removed")
    with pytest.raises(SinkError, match="removed"):
        studio.run()
    studio.ready.set()


@pytest.mark.parametrize("read", ["avatar", "clip"])
def test_what_is_read_is_never_recorded_over(studio: Studio, tmp_path: Path, read: str) -> None:
    target = tmp_path / "own.mp4"
    target.write_bytes(b"precious")
    if read == "avatar":
        studio.avatar = target
    camera = str(tmp_path / "." / "own.mp4") if read == "clip" else None
    with pytest.raises(VideoError, match=r"own\.mp4 is itself what is animated from"):
        studio.run({"output.sinks": ("null", str(target)), "camera.source": camera}, overwrite=True)
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("faces", "neutral", "told"),
    [
        ((None, None), "first", "no face was seen in 2 driving frames"),
        ((50, 60), "10", "no neutral pose in 2 driving frames"),
        ((None, 60), "first", ""),
    ],
)
def test_a_session_in_which_nothing_moves_says_why(
    studio: Studio,
    capsys: pytest.CaptureFixture[str],
    faces: tuple[int | None, ...],
    neutral: str,
    told: str,
) -> None:
    studio.source = Queue().play([driver_frame(x) for x in faces])
    studio.run({"calibration.neutral": neutral})
    notes = capsys.readouterr().err
    assert told in notes
    assert bool(told) == bool(notes)


@pytest.mark.parametrize("when", ["while opening", "while running"])
def test_an_interrupt_closes_everything_and_is_passed_on(studio: Studio, when: str) -> None:
    if when == "while opening":
        studio.ready.clear()
    else:
        studio.source = Queue(live=True)
    threading.Timer(0.3, lambda: studio.interrupts._note(2, None)).start()
    began = time.monotonic()
    with pytest.raises(Interrupted) as interrupted:
        studio.run()
    studio.ready.set()
    assert interrupted.value.status == 130
    assert time.monotonic() - began < 3
    assert studio.sink.closed
    assert studio.report.exists() == (when == "while running")


def test_unknown_models_are_refused(studio: Studio) -> None:
    with pytest.raises(ConfigError, match="is unknown"):
        studio.run({"model.name": "vox"})


def test_weights_are_refused_for_a_model_without_any(studio: Studio) -> None:
    with pytest.raises(
        ConfigError, match="--checkpoint is for models with weights, and landmark-warp has none"
    ):
        studio.run({"model.checkpoint": str(studio.avatar)})
