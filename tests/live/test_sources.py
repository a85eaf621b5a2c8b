from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm.animators.base import Frame
from fomm.errors import CameraError, VideoError
from live.frames import CapturedFrame
from live.sources import SourceOptions, kind_of, open_source
from live.sources.base import VideoSource
from live.sources.recorded import ImageFolder, VideoFile
from tests.live.doubles import write_video


def grey(value: int) -> Frame:
    return np.full((64, 96, 3), value, np.uint8)


def level(frame: CapturedFrame) -> int:
    """Which of `frames(n)` it is, whatever the codec did to it."""
    return round(float(frame.pixels.mean()) / 10)


def frames(count: int) -> list[Frame]:
    return [grey(10 * place) for place in range(count)]


def read_all(source: VideoSource, wait: float = 0.0) -> list[CapturedFrame]:
    read = []
    while not source.ended:
        frame = source.read(1)
        if frame is not None:
            read.append(frame)
            time.sleep(wait)
    return read


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "driving.mp4", frames(20), rate=20)


def test_unpaced_every_frame_comes_in_order_however_slow_the_reader(video: Path) -> None:
    with VideoFile(video, paced=False) as source:
        source.start()
        read = read_all(source, wait=0.01)
    assert [level(frame) for frame in read] == list(range(20))
    assert [frame.index for frame in read] == list(range(20))
    assert np.allclose([frame.timestamp for frame in read], np.arange(20) / 20, atol=1e-3)
    assert source.dropped == 0
    assert not source.live


def test_paced_frames_come_in_real_time(video: Path) -> None:
    with VideoFile(video) as source:
        began = time.monotonic()
        source.start()
        read = read_all(source)
    assert source.live
    assert len(read) + source.dropped == 20
    assert 0.9 < time.monotonic() - began < 3
    late = [frame.captured_at - began - frame.timestamp for frame in read]
    assert np.median(late) < 0.05


def test_paced_a_slow_reader_gets_the_latest_frame(video: Path) -> None:
    with VideoFile(video) as source:
        source.start()
        time.sleep(0.5)
        frame = source.read(1)
        assert frame is not None
        assert time.monotonic() - frame.captured_at < 0.2
        assert frame.index == source.dropped > 3


def test_looping_goes_on_with_growing_timestamps(video: Path) -> None:
    with VideoFile(video, paced=False, loop=True) as source:
        source.start()
        read = [source.read(1) for _ in range(50)]
    assert [level(frame) for frame in read] == [place % 20 for place in range(50)]
    assert np.allclose(np.diff([frame.timestamp for frame in read]), 1 / 20, atol=2e-3)


def test_closing_ends_capture_in_the_middle(video: Path) -> None:
    source = VideoFile(video, paced=False)
    source.start()
    source.read(1)
    source.close()
    source.close()
    while source.read(0) is not None:
        pass
    assert source.ended


def test_a_reader_that_breaks_ends_the_source_with_its_error(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VideoFile(video, paced=False)
    monkeypatch.setattr(VideoFile, "_play", lambda _: iter([(grey(1), 0.0), (grey(2), "not a time")]))
    source.start()
    assert source.read(1) is not None
    with pytest.raises(CameraError, match=r"driving\.mp4 cannot be read any further"):
        source.read(1)
    assert source.ended


@pytest.mark.parametrize("content", [None, b"", b"not a video"])
def test_bad_videos_are_refused_on_opening(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        VideoFile(path)


def test_a_folder_plays_its_pictures_in_natural_order(tmp_path: Path) -> None:
    for place in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"frame{place}.png"), grey(10 * place))
    (tmp_path / "frame3.png").write_text("broken")
    (tmp_path / "notes.txt").write_text("no picture")
    notices: list[str] = []
    with ImageFolder(tmp_path, rate=10, paced=False, notify=notices.append) as source:
        source.start()
        read = read_all(source)
    assert [level(frame) for frame in read] == [1, 2, 10]
    assert read[-1].timestamp == pytest.approx(0.3)
    assert len(notices) == 1
    assert "frame3.png" in notices[0]


def test_a_folder_loops(tmp_path: Path) -> None:
    for place in range(3):
        cv2.imwrite(str(tmp_path / f"{place}.png"), grey(10 * place))
    with ImageFolder(tmp_path, rate=10, paced=False, loop=True) as source:
        source.start()
        read = [source.read(1) for _ in range(7)]
    assert [level(frame) for frame in read] == [0, 1, 2, 0, 1, 2, 0]
    assert np.allclose(np.diff([frame.timestamp for frame in read]), 0.1)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("broken")
    with pytest.raises(VideoError, match="holds no picture"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (None, "webcam"),
        ("0", "webcam"),
        ("12", "webcam"),
        ("/dev/video2", "webcam"),
        ("Integrated Camera", "webcam"),
        ("Webcam v1.0", "webcam"),
        ("demo", "demo"),
        ("clip.mp4", "file"),
        ("no/such/clip", "file"),
        ("folder", "folder"),
        ("plain", "file"),
    ],
)
def test_what_camera_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("plain").touch()
    assert kind_of(wanted) == kind


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(CameraError, match="names nothing"):
        open_source("", SourceOptions())


def test_open_source_passes_the_options_on(video: Path) -> None:
    with open_source(str(video), SourceOptions(paced=False)) as source:  # type: ignore[attr-defined]
        assert isinstance(source, VideoFile)
        assert not source.live
