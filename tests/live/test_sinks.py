from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvirtualcam.camera

from fomm.errors import SinkError, VideoError
from fomm.video import VideoReader
from live.frames import OutputFrame
from live.loopback import Module, own_index
from live.names import VIRTUAL_CAMERA_NAME
from live.setup_camera import other_systems
from live.sinks import SINKS, Sink, SinkOptions, close_sinks, kind_of, open_sink, open_sinks, virtual_camera
from live.sinks.null import NullSink
from live.sinks.recorder import Recorder
from live.sinks.virtual_camera import VirtualCamera
from tests.live.doubles import SIZE, Collector

OPTIONS = SinkOptions(SIZE)


def frame(value: int = 0) -> OutputFrame:
    return OutputFrame(np.full((SIZE[1], SIZE[0], 3), value, np.uint8))


on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="X11 displays are looked for on Linux only"
)


def quiet(_: str) -> None:
    pass


class FakeBackend:
    """A pyvirtualcam backend that keeps what it is sent."""

    made: list[FakeBackend] = []  # noqa: RUF012 - pyvirtualcam makes them, the test finds them here

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.sent: list[np.ndarray] = []
        self.closed = 0
        self.broken = False
        FakeBackend.made.append(self)

    def send(self, pixels: np.ndarray) -> None:
        if self.broken:
            raise RuntimeError("device was removed")
        self.sent.append(pixels)

    def close(self) -> None:
        self.closed += 1

    def device(self) -> str:
        return "/dev/video9"

    def native_fourcc(self) -> None:
        return None


def _refuse(**_: Any) -> None:
    raise RuntimeError("there is no such driver here.")


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """pyvirtualcam's backends: one that refuses, one that works."""
    FakeBackend.made.clear()
    found: dict[str, Any] = {"first": _refuse, "second": FakeBackend}
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", found)
    return found


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[list[Sink]]:
    every = [NullSink(SIZE), Recorder(SIZE, tmp_path / "x.mp4"), Collector()]
    yield every
    close_sinks(every, quiet)


def test_wrong_frames_are_refused_by_every_sink(sinks: list[Sink]) -> None:
    for sink in sinks:
        with pytest.raises(ValueError, match="shape"):
            sink.send(OutputFrame(np.zeros((SIZE[0], SIZE[1], 3), np.uint8)), 0)
        with pytest.raises(TypeError, match="float64"):
            sink.send(OutputFrame(np.zeros((SIZE[1], SIZE[0], 3))), 0)  # type: ignore[arg-type]


def test_closing_is_idempotent_and_final(sinks: list[Sink]) -> None:
    for sink in sinks:
        with sink:
            sink.send(frame(), 0)
        sink.close()
        with pytest.raises(ValueError, match="closed"):
            sink.send(frame(), 1)


def test_a_recording_has_every_frame_at_its_time(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    times = [5.0, 5.03, 5.1, 5.5]
    with Recorder(SIZE, path) as recorder:
        for place, timestamp in enumerate(times):
            recorder.send(frame(50 * place), timestamp)
    with VideoReader(path) as reader:
        read = list(reader)
    assert reader.size == SIZE
    assert [round(pixels.mean() / 50) for pixels, _ in read] == [0, 1, 2, 3]
    assert np.allclose([timestamp for _, timestamp in read], np.array(times) - 5, atol=0.001)


def test_a_recording_keeps_its_size(tmp_path: Path) -> None:
    with Recorder(SIZE, tmp_path / "out.mp4") as recorder:
        recorder.send(frame(200), 0)
        recorder.resize((SIZE[0], 2 * SIZE[1]))
        recorder.send(OutputFrame(np.full((2 * SIZE[1], SIZE[0], 3), 200, np.uint8)), 0.1)
    with VideoReader(tmp_path / "out.mp4") as reader:
        (first, _), (second, _) = list(reader)
    assert reader.size == SIZE
    assert first.mean() == pytest.approx(200, abs=3)
    assert second[:, : SIZE[0] // 4 - 2].mean() < 10
    assert second[:, SIZE[0] // 2].mean() == pytest.approx(200, abs=5)


def test_a_recording_takes_odd_sizes(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    with Recorder((97, 65), path) as recorder:
        recorder.send(OutputFrame(np.zeros((65, 97, 3), np.uint8)), 0)
    with VideoReader(path) as reader:
        assert reader.size == (98, 66)


def test_an_existing_file_is_left_alone_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "old.mp4"
    path.write_text("precious")
    with pytest.raises(VideoError, match="--overwrite"):
        Recorder(SIZE, path)
    Recorder(SIZE, path, overwrite=True).close()
    assert path.read_text() == "precious"  # nothing was recorded, so nothing was replaced
    with Recorder(SIZE, path, overwrite=True) as recorder:
        recorder.send(frame(), 0)
    with VideoReader(path) as reader:
        assert len(list(reader)) == 1


def test_a_recording_without_frames_leaves_no_file(tmp_path: Path) -> None:
    Recorder(SIZE, tmp_path / "x.mp4").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which only Linux has")
def test_a_full_disk_ends_the_recording_with_a_sink_error(tmp_path: Path) -> None:
    path = tmp_path / "full.mp4"
    path.symlink_to("/dev/full")
    recorder = Recorder(SIZE, path, overwrite=True)
    rng = np.random.default_rng(0)

    def record() -> None:
        for place in range(300):
            noise = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
            recorder.send(OutputFrame(noise), place / 30)

    with pytest.raises(SinkError, match=r"full\.mp4"):
        record()
    with pytest.raises(SinkError, match=r"full\.mp4"):
        recorder.close()
    recorder.close()


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        Recorder(SIZE, tmp_path / "absent" / "x.mp4")


def test_the_virtual_camera_gets_rgb(backends: dict[str, Any]) -> None:
    red = frame()
    red[:, :, 0] = 255
    with VirtualCamera(SIZE, rate=25) as camera:
        camera.send(red, 0)
    backend = FakeBackend.made[0]
    assert backend.options["width"], backend.options["height"] == SIZE
    assert backend.options["fps"] == 25
    raw = pyvirtualcam.camera.encode_fourcc(pyvirtualcam.PixelFormat.RGB.value)
    assert backend.options["fourcc"] == raw
    assert tuple(backend.sent[0][:3]) == (255, 0, 0)
    assert backend.closed == 1


@pytest.mark.parametrize(
    ("system", "there", "message"),
    [
        ("Linux", (), "v4l2loopback is not installed"),
        ("Windows", (), "neither OBS nor Unity Capture is installed"),
        (
            "Windows",
            (other_systems._OBS_CLASS,),
            '"OBS Virtual Camera" cannot be opened: .* leave it stopped there',
        ),
        (
            "Windows",
            (other_systems._UNITY_CLASS,),
            '"Unity Video Capture" cannot be opened: another program .*',
        ),
        ("Darwin", (), "OBS is not installed"),
        ("Darwin", ("OBS.app",), '"OBS Virtual Camera" cannot be opened: .* leave it stopped there'),
    ],
)
def test_what_the_virtual_camera_lacks_is_one_short_line_without_the_librarys_words(
    backends: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: str,
    there: tuple[str, ...],
    message: str,
) -> None:
    backends["second"] = _refuse
    monkeypatch.setattr(virtual_camera.platform, "system", lambda: system)
    monkeypatch.setattr(virtual_camera.loopback, "own_index", lambda: None)
    monkeypatch.setattr(virtual_camera.loopback, "module", lambda _: Module(False, False, None))
    monkeypatch.setattr(other_systems, "_is_registered", lambda key: key in there)
    monkeypatch.setattr(other_systems, "_OBS_APP", tmp_path / "OBS.app")
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(SinkError) as refused:
        VirtualCamera(SIZE)
    said = str(refused.value)
    assert re.fullmatch(f"no virtual camera: {message}; run: fomm-live setup-camera", said)
    assert "there is no such driver here" in str(refused.value.__cause__), "which --debug shows"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")
@pytest.mark.parametrize(
    ("known", "message"),
    [
        (
            "/dev/video4 is busy: obs sends to it already; stop that one",
            r"/dev/video4 is busy.*stop that one$",
        ),
        (None, "/dev/video4 does not take these frames: .*no such driver here; run: fomm-live setup-camera"),
    ],
)
def test_what_is_known_of_a_device_is_said_instead(
    backends: dict[str, Any], monkeypatch: pytest.MonkeyPatch, known: str | None, message: str
) -> None:
    backends["second"] = _refuse
    monkeypatch.setattr(virtual_camera.loopback, "own_index", lambda: 4)
    monkeypatch.setattr(virtual_camera.loopback, "refusal", lambda _: known)
    with pytest.raises(SinkError, match=message):
        VirtualCamera(SIZE)


def test_a_broken_installation_is_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(SinkError, match=r"pyvirtualcam cannot be imported .*install it again"):
        VirtualCamera(SIZE)


def test_a_virtual_camera_that_breaks_says_so(backends: dict[str, Any]) -> None:
    camera = VirtualCamera(SIZE)
    FakeBackend.made[0].broken = True
    with pytest.raises(SinkError, match="device was removed"):
        camera.send(frame(), 0)
    camera.close()


def test_viewers_get_frames_at_the_rate_though_one_was_sent(backends: dict[str, Any]) -> None:
    with VirtualCamera(SIZE, rate=50) as camera:
        camera.send(frame(9), 0)
        time.sleep(0.3)
    sent = FakeBackend.made[0].sent
    assert 3 < len(sent) < 17
    assert all(pixels[0] == 9 for pixels in sent)


def test_another_size_needs_no_other_device(backends: dict[str, Any]) -> None:
    tall = OutputFrame(np.full((200, 100, 3), 255, np.uint8))
    with VirtualCamera(SIZE) as camera:
        camera.send(frame(), 0)
        camera.resize((100, 200))
        camera.send(tall, 0.1)
        time.sleep(0.1)
        with pytest.raises(ValueError, match="shape"):
            camera.send(frame(), 0.2)
    assert len(FakeBackend.made) == 1
    shown = FakeBackend.made[0].sent[-1].reshape(SIZE[1], SIZE[0], 3)
    assert shown[SIZE[1] // 2, SIZE[0] // 2].tolist() == [255, 255, 255]
    assert shown[SIZE[1] // 2, 2].tolist() == [0, 0, 0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")
def test_who_watches_since_an_earlier_session_keeps_its_size(
    backends: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_camera.loopback, "own_index", lambda: 987)
    monkeypatch.setattr(virtual_camera.v4l2, "accepted_size", lambda *_: (48, 32))
    with VirtualCamera(SIZE) as camera:
        camera.send(frame(200), 0)
    made = FakeBackend.made[0]
    assert (made.options["width"], made.options["height"]) == (48, 32)
    assert made.sent[0].size == 48 * 32 * 3
    assert made.sent[0].reshape(32, 48, 3)[16, 24].tolist() == [200, 200, 200]


def test_of_several_loopback_devices_ours_is_taken(tmp_path: Path) -> None:
    for node, name in {"video0": "Webcam", "video4": "OBS", "video5": VIRTUAL_CAMERA_NAME}.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(f"{name}\n")
    assert own_index(tmp_path) == 5
    assert own_index(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("wanted", "kind"), [("vcam", "vcam"), ("window", "window"), ("null", "null"), ("a.MP4", "file")]
)
def test_kinds(wanted: str, kind: str) -> None:
    assert kind_of(wanted) == kind
    assert kind in SINKS


@pytest.mark.parametrize("wanted", ["file", "x.avi", "", "mp4"])
def test_unknown_kinds_are_refused(wanted: str) -> None:
    with pytest.raises(SinkError, match="none of vcam, window, null"):
        open_sink(wanted, OPTIONS)


def test_several_open_at_once_and_none_where_one_cannot(tmp_path: Path) -> None:
    recording = [str(tmp_path / "a.mp4"), str(tmp_path / ".." / tmp_path.name / "a.mp4")]
    opened, window = open_sinks(["null", *recording, "null"], OPTIONS, quiet)
    assert [type(sink) for sink in opened] == [NullSink, Recorder]
    assert window is None
    close_sinks(opened, quiet)
    with pytest.raises(VideoError):
        open_sinks([str(tmp_path / "b.mp4"), str(tmp_path / "absent" / "c.mp4")], OPTIONS, quiet)
    assert not (tmp_path / "b.mp4").exists()


@on_linux
def test_by_default_without_display_the_virtual_camera_alone(
    backends: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    opened, window = open_sinks([], OPTIONS, quiet)
    assert [type(sink) for sink in opened] == [VirtualCamera]
    assert window is None
    close_sinks(opened, quiet)
    del backends["second"]
    with pytest.raises(SinkError, match="no virtual camera"):
        open_sinks([], OPTIONS, quiet)
