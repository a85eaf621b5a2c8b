from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from live import v4l2

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")

CAPTURE, OUTPUT, PER_DEVICE = 1, 2, 0x80000000


class Driver:
    """Answers ioctls as v4l2loopback 0.12 does with `exclusive_caps=1`."""

    def __init__(self, *, output: bool, name: bytes = b"v4l2 loopback") -> None:
        self.output, self.name = output, name
        self.streaming: list[int] = []

    def ioctl(self, device: int, request: int, argument: bytes) -> bytes:
        if request == 0x40045612:
            self.streaming.append(struct.unpack("i", argument)[0])
            raise OSError("nothing is set up")
        flags = OUTPUT if self.output else 0
        head = self.name.ljust(84, b"\0")
        return head + struct.pack("II", PER_DEVICE | CAPTURE | OUTPUT, flags) + bytes(12)


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Any:
    import fcntl

    def attach(driver: Driver) -> Driver:
        monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
        monkeypatch.setattr(os, "open", lambda *_: 99)
        monkeypatch.setattr(os, "close", lambda _: None)
        return driver

    return attach


def test_capabilities_are_those_of_the_node(attach: Any) -> None:
    attach(Driver(output=True))
    assert v4l2.capabilities(9) == v4l2.Capabilities("v4l2 loopback", captures=False, outputs=True)


def test_a_device_that_cannot_be_opened_says_nothing() -> None:
    assert v4l2.capabilities(987) is None
    v4l2.free_output(987)


@pytest.mark.parametrize(
    ("driver", "writer", "freed"),
    [
        (Driver(output=False), None, [2]),
        (Driver(output=True), None, []),
        (Driver(output=False), 1234, []),
        (Driver(output=False, name=b"uvcvideo"), None, []),
    ],
    ids=["forgotten", "ready", "written to", "a webcam"],
)
def test_only_a_forgotten_loopback_is_freed(
    attach: Any, monkeypatch: pytest.MonkeyPatch, driver: Driver, writer: int | None, freed: list[int]
) -> None:
    attach(driver)
    monkeypatch.setattr(v4l2, "writer", lambda _: writer)
    v4l2.free_output(9)
    assert driver.streaming == freed


def test_a_size_is_what_the_driver_makes_of_the_wish(attach: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    attach(Driver(output=True))

    def keep(device: int, request: int, wish: bytes) -> bytes:
        assert request == 0xC0D05640
        assert len(wish) == 208
        assert struct.unpack_from("I4x2I", wish) == (2, 1280, 720)
        return wish[:8] + struct.pack("2I", 640, 480) + wish[16:]

    monkeypatch.setattr(fcntl, "ioctl", keep)
    assert v4l2.accepted_size(9, (1280, 720)) == (640, 480)


def test_where_the_driver_does_not_say_the_wish_stands() -> None:
    assert v4l2.accepted_size(987, (1280, 720)) == (1280, 720)


def test_the_writer_is_the_process_that_opened_it_for_writing_only(tmp_path: Path) -> None:
    for process, flags in {"12": "0100002", "34": "0100001"}.items():
        for folder in ("fd", "fdinfo"):
            (tmp_path / process / folder).mkdir(parents=True)
        (tmp_path / process / "fd" / "7").symlink_to("/dev/video10")
        (tmp_path / process / "fdinfo" / "7").write_text(f"pos:\t0\nflags:\t{flags}\n")
        (tmp_path / process / "comm").write_text("obs\n")
    (tmp_path / "self").mkdir()
    assert v4l2.writer(10, tmp_path) == 34
    assert v4l2.writer(1, tmp_path) is None
    assert v4l2.writer(10, tmp_path / "absent") is None


def test_names_come_in_order(tmp_path: Path) -> None:
    for node, name in {"video10": "b\n", "video2": "a\n", "v4l-subdev0": "no video\n"}.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(name)
    assert list(v4l2.names(tmp_path).items()) == [(2, "a"), (10, "b")]
