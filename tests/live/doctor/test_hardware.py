from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fomm.errors import CameraError, SinkError
from live.doctor import hardware
from live.doctor.findings import Level
from live.sinks import virtual_camera
from live.sources.cameras import Camera
from live.sources.measuring import Delivered

ONE, TWO = Camera(0, "Integrated Camera"), Camera(2, "Logitech C920")


def looks(**by_name: Delivered | CameraError) -> Callable[[Camera], Delivered]:
    def look(camera: Camera) -> Delivered:
        answer = by_name[camera.name.split()[0]]
        if isinstance(answer, CameraError):
            raise answer
        return answer

    return look


GOOD = Delivered((1280, 720), 29.9, black=False)
BUSY = CameraError("Logitech C920 is busy: zoom (process 7) has it open")


def test_a_good_camera_has_its_rate() -> None:
    (found,) = hardware.cameras(lambda: [ONE], looks(Integrated=GOOD))
    assert found.level is Level.OK
    assert found.text == "Integrated Camera: 1280x720 at 29.9 frames per second"


@pytest.mark.parametrize(
    ("delivered", "words"),
    [
        (Delivered((640, 480), 30, black=True), "but black"),
        (Delivered((640, 480), 7.5, black=False), "at 7.5 frames"),
    ],
)
def test_a_camera_of_little_use_is_a_warning(delivered: Delivered, words: str) -> None:
    (found,) = hardware.cameras(lambda: [ONE], looks(Integrated=delivered))
    assert found.level is Level.WARNING
    assert words in found.text
    assert found.fix


def test_no_camera_is_a_problem() -> None:
    (found,) = hardware.cameras(list)
    assert found.level is Level.PROBLEM


def test_a_busy_camera_is_a_problem_only_where_it_is_the_only_one() -> None:
    (alone,) = hardware.cameras(lambda: [TWO], looks(Logitech=BUSY))
    assert alone.level is Level.PROBLEM
    assert "zoom (process 7)" in alone.text
    assert alone.fix
    levels = [
        found.level for found in hardware.cameras(lambda: [ONE, TWO], looks(Integrated=GOOD, Logitech=BUSY))
    ]
    assert levels == [Level.OK, Level.WARNING]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def refuse(message: str) -> None:
        def open_it(*_: Any) -> None:
            raise SinkError(message)

        monkeypatch.setattr(virtual_camera, "VirtualCamera", open_it)

    return refuse


def test_a_busy_virtual_camera_is_a_warning(refuse: Callable[[str], None]) -> None:
    refuse("no virtual camera: /dev/video10 is busy: obs (process 7) sends to it already; stop that one")
    found = hardware.virtual_camera()
    assert found.level is Level.WARNING
    assert found.text == "/dev/video10 is busy: obs (process 7) sends to it already"
    assert found.fix == "stop that one"


def test_a_missing_virtual_camera_is_a_problem(refuse: Callable[[str], None]) -> None:
    refuse("no virtual camera: v4l2loopback is not installed; run: fomm-live setup-camera")
    found = hardware.virtual_camera()
    assert found.level is Level.PROBLEM
    assert found.text == "v4l2loopback is not installed"
    assert found.fix == "fomm-live setup-camera"


class FakePortAudio:
    """The part of `sounddevice` that is used: a microphone that hears what the test says."""

    class PortAudioError(Exception):
        pass

    def __init__(self, heard: np.ndarray | None) -> None:
        self.heard = heard

    def query_devices(self, kind: str) -> dict[str, str]:
        assert kind == "input"
        if self.heard is None:
            raise self.PortAudioError("Error querying device -1")
        return {"name": "Null Microphone"}

    def rec(self, frames: int, **_: Any) -> np.ndarray | None:
        return self.heard


@pytest.mark.parametrize(
    ("heard", "level", "words"),
    [
        (np.zeros((10, 1), np.int16), Level.WARNING, "Null Microphone is silent"),
        (np.full((10, 1), 3, np.int16), Level.OK, "Null Microphone"),
        (None, Level.WARNING, "no microphone that can be used"),
    ],
)
def test_the_microphone(
    heard: np.ndarray | None, level: Level, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(heard))  # type: ignore[arg-type]
    found = hardware.microphone()
    assert found.level is level
    assert words in found.text


def test_without_the_sound_library_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert hardware.microphone().level is Level.OK
    assert "pip install sounddevice" in hardware.microphone().text


def test_without_portaudio_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loader:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    assert "libportaudio2" in hardware.microphone().text


def test_a_virtual_camera_that_opens_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Opens:
        name = "FOMM Cam (v4l2loopback, /dev/video10)"

        def __init__(self, size: tuple[int, int]) -> None:
            pass

        def __enter__(self) -> Opens:
            return self

        def __exit__(self, *_: Any) -> None:
            closed.append(True)

    monkeypatch.setattr(virtual_camera, "VirtualCamera", Opens)
    monkeypatch.setattr(hardware, "make_plan", lambda: SimpleNamespace(ready=True, name="FOMM Cam", steps=[]))
    monkeypatch.setattr(hardware.loopback, "module", lambda: SimpleNamespace(forgets=True))
    found = hardware.virtual_camera()
    assert found.level is Level.OK
    assert closed == [True]
    if sys.platform.startswith("linux"):
        assert "older than 0.13" in found.text
