"""Recording and snapshots as commands of a session."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.errors import SinkError
from fomm.video import VideoReader
from live.clock import SourceClock
from live.frames import OutputFrame
from live.hotkeys import Command
from live.recording import recordings as module
from live.recording.naming import reserve
from live.recording.recordings import Recordings
from live.recording.snapshot import save_snapshot
from live.requests import Answer, Request
from live.sinks import SinkOptions
from live.sinks.recorder import LiveRecording
from tests.live.doubles import SIZE, driver_frame
from tests.live.recording.stand_ins import Clicks, heard, seen
from tests.live.test_session import Stage, drivers

NAME = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_a"


class Studio:
    """A session whose recordings go into a folder, and commands given after so many frames."""

    def __init__(self, tmp_path: Path, script: dict[int, Request], **options: Any) -> None:
        self.folder = tmp_path / "videos"
        self.told: list[str] = []
        self.answers: list[Answer] = []
        self.clock = SourceClock()
        live = LiveRecording(self.clock, notify=self.told.append, **options.pop("sound", {}))
        self.recordings = Recordings(
            str(self.folder), SinkOptions(SIZE, live=live if options.get("live") else None), self.told.append
        )
        self.stage = Stage(tmp_path, recordings=self.recordings, clock=self.clock, **options)
        self.stage.session._sources = [self]
        self.script = {
            place: Request(asked.command, asked.argument, self.answers.append)
            for place, asked in script.items()
        }

    def requests(self) -> list[Request]:
        due = self.script.pop(len(self.stage.sink.frames), None)
        return [] if due is None else [due]

    def run(self, *arguments: Any) -> list[Path]:
        """What is in the folder afterwards."""
        try:
            self.stage.run(*arguments)
        finally:
            self.recordings.close()
        return sorted(self.folder.iterdir()) if self.folder.exists() else []


def levels(path: Path) -> list[int]:
    with VideoReader(path) as reader:
        return [round(float(pixels.mean())) for pixels, _ in reader]


RECORD, SNAPSHOT = Request(Command.RECORD), Request(Command.SNAPSHOT)


def test_the_key_begins_and_ends_a_recording_of_what_others_see(tmp_path: Path) -> None:
    studio = Studio(tmp_path, {3: RECORD, 6: RECORD})
    (path,) = studio.run(drivers(*range(50, 60)))
    assert re.fullmatch(rf"{NAME}\.mp4", path.name)
    assert np.allclose(levels(path), [102, 103, 104, 105], atol=1), "from what was seen at the key"
    assert [answer.text for answer in studio.answers] == [f"recording: {path}", f"recorded 00:00:00: {path}"]
    assert studio.told == []


def test_several_recordings_and_one_that_the_session_ends(tmp_path: Path) -> None:
    studio = Studio(tmp_path, {2: RECORD, 4: RECORD, 6: RECORD})
    files = studio.run(drivers(*range(50, 60)))
    assert len(files) == 2
    assert all(levels(path) for path in files)


def test_the_privacy_card_is_recorded_as_others_see_it(tmp_path: Path) -> None:
    studio = Studio(tmp_path, {1: RECORD, 3: Request(Command.PRIVACY_CARD)})
    (path,) = studio.run(drivers(*[50] * 8))
    with VideoReader(path) as reader:
        frames = [pixels for pixels, _ in reader]
    for recorded, sent in zip(frames[1:], studio.stage.sink.frames[1:], strict=False):
        assert np.abs(recorded.astype(int) - sent).mean() < 4
    assert np.abs(frames[-1].astype(int) - frames[0]).mean() > 10


def test_another_size_meanwhile_leaves_the_recording_its_own(tmp_path: Path) -> None:
    script = {2: RECORD, 4: Request(Command.SIZE, "128x128"), 5: SNAPSHOT, 6: RECORD, 7: RECORD}
    studio = Studio(tmp_path, script)
    files = studio.run(drivers(*range(50, 60)))
    sizes = []
    for path in files:
        if path.suffix == ".mp4":
            with VideoReader(path) as reader:
                sizes.append(reader.size)
                assert len(list(reader)) >= 3
        else:
            assert cv2.imread(str(path)).shape == (128, 128, 3)
    assert sizes == [SIZE, (128, 128)]


def test_a_snapshot_is_what_others_see(tmp_path: Path) -> None:
    studio = Studio(tmp_path, {4: SNAPSHOT})
    (path,) = studio.run(drivers(*range(50, 56)))
    assert re.fullmatch(rf"{NAME}\.png", path.name)
    assert (cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) == studio.stage.sink.frames[3]).all()
    assert [answer.text for answer in studio.answers] == [f"snapshot: {path}"]


def test_nothing_is_ever_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda *_: "2026-11-25_20-44-33")
    frame = OutputFrame(np.zeros((64, 96, 3), np.uint8))
    names = [save_snapshot(frame, tmp_path, Path("Ada Lovelace (1840).jpg")).name for _ in range(3)]
    stem = "2026-11-25_20-44-33_Ada-Lovelace-1840"
    assert names == [f"{stem}.png", f"{stem}_2.png", f"{stem}_3.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize("name", ["Ж" * 200, "...", "a/b", "CON?*<>|", "🦊"])
def test_any_name_of_an_avatar_makes_a_file(tmp_path: Path, name: str) -> None:
    assert reserve(tmp_path, Path(f"{name}.jpg"), ".mp4").parent == tmp_path


def test_a_folder_that_cannot_be_made_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file")
    studio = Studio(tmp_path, {2: RECORD, 3: SNAPSHOT})
    studio.stage.run(drivers(*range(50, 60)))
    assert len(studio.stage.sink.frames) == 10
    for answer in studio.answers:
        assert not answer.done
        assert answer.text.startswith(f"nothing can be saved in {tmp_path / 'videos'} (")
        assert answer.text.endswith("choose another recording.folder")


def test_a_snapshot_on_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        SinkError, match=r"\.png cannot be written \(No space left on device\); check the disk"
    ):
        save_snapshot(OutputFrame(np.zeros((8, 8, 3), np.uint8)), tmp_path, Path("a.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_fails_is_told_once_and_may_be_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(module.Recorder):
        def _send(self, frame: OutputFrame, timestamp: float) -> None:
            if 0.12 < timestamp < 0.18:
                raise SinkError(f"{self.name}: the disk is full")
            super()._send(frame, timestamp)

    monkeypatch.setattr(module, "Recorder", Failing)
    studio = Studio(tmp_path, {2: RECORD, 8: RECORD})
    files = studio.run(drivers(*range(50, 62)))
    assert capsys.readouterr().err.count("the disk is full; ") == 1
    assert len(studio.stage.sink.frames) == 12
    assert studio.answers[0].done
    assert [answer.text.partition(":")[0] for answer in studio.answers] == ["recording", "recording"]
    assert all(path.stat().st_size > 0 for path in files)


def test_a_recording_into_which_nothing_came_leaves_no_file(tmp_path: Path) -> None:
    recordings = Recordings(str(tmp_path / "v"), SinkOptions(SIZE), print)
    recordings.begin(Path("a.png"), SIZE)
    recordings.close()
    assert list((tmp_path / "v").iterdir()) == []


def test_the_window_shows_that_and_how_long(tmp_path: Path) -> None:
    shown: list[float | None] = []
    studio = Studio(tmp_path, {2: RECORD, 5: RECORD})
    studio.stage.session._preview.show = lambda **said: shown.append(said["recording_s"])  # type: ignore[method-assign]
    studio.run(drivers(*[50] * 8))
    assert [seconds is not None for seconds in shown] == [False, False, True, True, True, False, False, False]
    assert shown[4] is not None
    assert 0 <= shown[4] < 5


def play_live(studio: Studio, frames: list[Any], rate: float) -> None:
    """Deliver frames in real time."""

    def feed() -> None:
        began = time.monotonic()
        for place, pixels in enumerate(frames):
            time.sleep(max(0.0, began + place / rate - time.monotonic()))
            studio.stage.source.put(pixels, place / rate)
        studio.stage.source.finish()

    threading.Thread(target=feed, daemon=True).start()


def test_a_flash_and_a_click_at_the_same_moment_stay_together(tmp_path: Path) -> None:
    """The whole way: a slow model shows what the camera saw, and the recording has it when it was seen."""
    at = time.monotonic() + 3600
    microphone = Clicks([at], begins=time.monotonic())
    studio = Studio(
        tmp_path, {2: RECORD}, live=True, sound={"microphone": lambda: microphone, "audio_delay": 0.0}
    )
    studio.stage.animator.delay = 0.08
    flashes: list[float] = []
    blocks = microphone.blocks

    def now(original: Callable[[], Any]) -> Any:
        microphone.hear(time.monotonic())
        return original()

    microphone.blocks = partial(now, blocks)  # type: ignore[method-assign]

    def feed() -> None:
        began = time.monotonic()
        for place in range(45):
            time.sleep(max(0.0, began + place / 15 - time.monotonic()))
            bright = place in (20, 35)
            if bright:
                flashes.append(time.monotonic())
                microphone._clicks = np.array([*flashes])
            studio.stage.source.put(driver_frame(130 if bright else 50), time.monotonic() - began)
        studio.stage.source.finish()

    threading.Thread(target=feed, daemon=True).start()
    (path,) = studio.run()
    clicked, flashed = heard(path), seen(path)
    assert len(clicked) == len(flashed) == 2
    assert np.abs(clicked - flashed).max() < 0.040
    assert studio.told == []


def test_while_nothing_moves_the_recording_goes_on(tmp_path: Path) -> None:
    """Paused, no frames come; what was recorded is as long as it was all the same."""
    studio = Studio(tmp_path, {2: RECORD, 4: Request(Command.PAUSE)}, live=True)
    play_live(studio, [driver_frame(50)] * 20, 10)
    threading.Timer(3.5, setattr, [studio.stage.session, "_quit", True]).start()
    (path,) = studio.run()
    with VideoReader(path) as reader:
        times = [timestamp for _, timestamp in reader]
    assert times[-1] == pytest.approx(3.3, abs=0.5)
    assert np.diff(times[:-1]).max() < 1.5, "it would play so far had the session been killed"


def test_a_slow_encoder_leaves_frames_out_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fomm.video import VideoWriter

    write = VideoWriter.write

    def slow(self: VideoWriter, *arguments: Any) -> None:
        time.sleep(0.1)
        write(self, *arguments)

    monkeypatch.setattr(VideoWriter, "write", slow)
    studio = Studio(tmp_path, {2: RECORD}, live=True)
    play_live(studio, [driver_frame(50 + place % 3) for place in range(60)], 30)
    began = time.monotonic()
    (path,) = studio.run()
    assert time.monotonic() - began < 6, "the session did not wait for it"
    (told,) = studio.told
    assert re.fullmatch(rf"{path} lacks \d+ frames: this machine was too slow to record them all", told)
