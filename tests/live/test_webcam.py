from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.errors import CameraError
from live import v4l2
from live.frames import CapturedFrame
from live.sources import health, webcam
from live.sources.cameras import Camera
from live.sources.webcam import Webcam

RED = np.full((48, 64, 3), (0, 0, 200), np.uint8)  # as OpenCV has it: BGR


class FakeDevice:
    """A camera at 100 FPS, whose behaviour the test changes while it runs."""

    def __init__(self, *, opens: bool = True, read: Callable[[], tuple[bool, Any]] | None = None) -> None:
        self.opens = opens
        self.answer = read or (lambda: (True, RED))
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.01)
        return self.answer()

    def release(self) -> None:
        self.released = True


class Desk:
    """Where cameras are plugged in: hands out the devices it was given, one per connection."""

    def __init__(self, *devices: FakeDevice) -> None:
        self.devices = list(devices)
        self.first = self.devices[0]
        self.index = 3
        self.opened: list[int] = []
        self.notices: list[str] = []

    def find(self, wanted: str | int | None) -> Camera:
        return Camera(self.index, "Fake Cam")

    def connect(self, index: int, size: tuple[int, int], rate: float) -> FakeDevice:
        self.opened.append(index)
        return self.devices.pop(0) if self.devices else FakeDevice(opens=False)

    def webcam(self, **options: Any) -> Webcam:
        return Webcam(
            "Fake Cam",
            find=self.find,
            connect=self.connect,
            notify=self.notices.append,
            retry_every=0.02,
            **options,
        )


def next_frame(source: Webcam, timeout: float = 3.0) -> CapturedFrame:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if (frame := source.read(0.05)) is not None:
            return frame
    raise AssertionError("no frame came")


def test_frames_are_rgb_numbered_and_timed() -> None:
    with Desk(FakeDevice()).webcam() as source:
        source.start()
        read = [next_frame(source) for _ in range(5)]
    assert tuple(read[0].pixels[0, 0]) == (200, 0, 0)
    assert np.all(np.diff([frame.index for frame in read]) >= 1)
    assert np.all(np.diff([frame.timestamp for frame in read]) > 0)
    assert all(0 <= frame.timestamp < 3 for frame in read)


def test_a_slow_reader_gets_the_newest() -> None:
    with Desk(FakeDevice()).webcam() as source:
        source.start()
        time.sleep(0.3)
        assert time.monotonic() - next_frame(source).captured_at < 0.15
        assert source.dropped > 5


@pytest.mark.parametrize(
    "failure",
    [
        lambda: (False, None),
        lambda: (True, None),
        lambda: (True, np.zeros((0, 0, 3), np.uint8)),
        lambda: (True, np.zeros((48, 64, 2), np.uint8)),
        lambda: (True, np.zeros((48, 64, 3), np.float32)),
        lambda: cv2.cvtColor(np.zeros((2, 2, 7), np.uint8), cv2.COLOR_BGR2RGB),  # raises cv2.error
    ],
    ids=["unplugged", "nothing", "empty", "two channels", "floats", "error"],
)
def test_what_fails_is_opened_again(failure: Callable[[], Any]) -> None:
    first, second = FakeDevice(), FakeDevice()
    desk = Desk(first, FakeDevice(opens=False), second)
    with desk.webcam() as source:
        source.start()
        index = next_frame(source).index
        first.answer = failure
        while not first.released:
            source.read(0.01)
        assert next_frame(source).index > index
        assert not source.ended
    assert second.released
    assert desk.notices == [
        "Fake Cam stopped delivering: holding the picture until it is back",
        "Fake Cam is back",
    ]


def test_a_few_bad_frames_are_forgiven() -> None:
    device = FakeDevice()
    answers = iter([(False, None)] * 4)
    desk = Desk(device)
    with desk.webcam() as source:
        source.start()
        next_frame(source)
        device.answer = lambda: next(answers, (True, RED))
        time.sleep(0.2)
        next_frame(source)
    assert desk.notices == []
    assert desk.opened == [3]


def test_a_device_that_hangs_is_left_behind() -> None:
    hanging, fresh, let_go = FakeDevice(), FakeDevice(), threading.Event()
    desk = Desk(hanging, fresh)
    with desk.webcam(stall_after=0.2) as source:
        source.start()
        next_frame(source)

        def hang() -> tuple[bool, Any]:
            let_go.wait(10)
            return True, RED

        hanging.answer = hang
        while "Fake Cam is back" not in desk.notices:
            source.read(0.05)
        next_frame(source)
        assert "has stalled" in desk.notices[0]
        let_go.set()
        time.sleep(0.1)
        assert hanging.released
        assert not fresh.released


def test_grey_cameras_serve() -> None:
    with Desk(FakeDevice(read=lambda: (True, np.full((48, 64), 9, np.uint8)))).webcam() as source:
        source.start()
        assert next_frame(source).pixels.shape == (48, 64, 3)


def test_a_changed_size_is_told() -> None:
    device = FakeDevice()
    desk = Desk(device)
    with desk.webcam() as source:
        source.start()
        next_frame(source)
        device.answer = lambda: (True, np.zeros((24, 32, 3), np.uint8))
        while next_frame(source).pixels.shape != (24, 32, 3):
            pass
    assert desk.notices == ["Fake Cam changed its size to 32x24: taking a new neutral pose"]


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (0, 63)), (180, (47, 63)), (270, (47, 0))])
def test_a_camera_that_hangs_sideways_is_turned(degrees: int, corner: tuple[int, int]) -> None:
    size = (64, 48) if degrees in (90, 270) else (48, 64)
    picture = np.zeros((*size, 3), np.uint8)
    picture[0, 0] = 255
    with Desk(FakeDevice(read=lambda: (True, picture))).webcam(rotate=degrees) as source:
        source.start()
        upright = next_frame(source).pixels
    assert upright.shape == (48, 64, 3)
    assert upright[corner].tolist() == [255, 255, 255]


def test_a_turned_camera_is_told() -> None:
    device = FakeDevice()
    desk = Desk(device)
    with desk.webcam() as source:
        source.start()
        next_frame(source)
        device.answer = lambda: (True, np.zeros((64, 48, 3), np.uint8))
        while next_frame(source).pixels.shape != (64, 48, 3):
            pass
    assert desk.notices == ["Fake Cam was turned, its size is now 48x64: taking a new neutral pose"]


def test_a_covered_camera_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE_S", 0.2)
    device = FakeDevice(read=lambda: (True, np.zeros((48, 64, 3), np.uint8)))
    desk = Desk(device)
    with desk.webcam() as source:
        source.start()
        while not desk.notices:
            next_frame(source)
    assert desk.notices[0].startswith("Fake Cam is black: open its privacy shutter")


def test_a_name_is_followed_to_another_index() -> None:
    desk = Desk(FakeDevice(), FakeDevice())
    with desk.webcam() as source:
        source.start()
        next_frame(source)
        desk.index = 5
        desk.first.answer = lambda: (False, None)
        while "Fake Cam is back" not in desk.notices:
            source.read(0.01)
        next_frame(source)
    assert desk.opened == [3, 5]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")
@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (OSError(errno.EBUSY, "busy"), r"is busy: zoom \(process 7\) has it open"),
        (OSError(errno.ENODEV, "No such device"), r"cannot be opened \(No such device\)"),
        (PermissionError(errno.EACCES, "no"), "may not be used: you are not in the group video"),
    ],
)
def test_why_a_camera_cannot_be_had(refusal: OSError, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise refusal

    monkeypatch.setattr(webcam.os, "open", refuse)
    monkeypatch.setattr(webcam.v4l2, "users", lambda _: [v4l2.User(7, "zoom", False)])
    monkeypatch.setattr(webcam.loopback, "membership", lambda _: "you are not in the group video")
    monkeypatch.setattr(webcam, "list_cameras", list)
    with pytest.raises(CameraError, match=rf"camera 3: Fake Cam {words}"):
        Desk(FakeDevice(opens=False)).webcam()


@pytest.mark.parametrize("device", [FakeDevice(opens=False), FakeDevice(read=lambda: (False, None))])
def test_a_camera_that_cannot_be_had_is_refused(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam, "list_cameras", lambda: [Camera(0, "Other Cam")])
    with pytest.raises(CameraError, match=r"camera 3: Fake Cam .*choose another: there is 0 \(Other Cam\)"):
        Desk(device).webcam()


def test_a_camera_that_never_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam, "_FIRST_FRAME_S", 0.1)
    with pytest.raises(CameraError, match="Fake Cam"):
        Desk(FakeDevice(read=lambda: (time.sleep(2), (False, None))[1])).webcam()


def test_closing_releases_even_before_the_start() -> None:
    device = FakeDevice()
    source = Desk(device).webcam()
    source.close()
    source.close()
    assert device.released


def test_a_real_index_without_a_camera_is_refused_by_opencv() -> None:
    assert not webcam.open_device(99, (640, 480), 30).isOpened()
