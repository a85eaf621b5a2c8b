from __future__ import annotations

import os
import struct
import sys

import pytest

from live.sources.modes import Mode, modes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")

MJPG, YUYV = (int.from_bytes(name, "little") for name in (b"MJPG", b"YUYV"))


class Driver:
    """Answers as a webcam with one compressed format in two sizes, and one raw format in any size."""

    intervals = {(640, 480): [(1, 30), (1, 15)], (1280, 720): [(1001, 30000)]}  # noqa: RUF012 - never changed

    def ioctl(self, device: int, request: int, question: bytes) -> bytes:
        place, *about = struct.unpack_from("4I", question.ljust(16, b"\0"))
        try:
            if request == 0xC0405602:
                assert about[0] == 1  # of what it captures
                return struct.pack("44xI16x", (MJPG, YUYV)[place])
            if request == 0xC02C564A and about[0] == MJPG:
                return struct.pack("8xI2I24x", 1, *list(self.intervals)[place])
            if request == 0xC02C564A:
                return struct.pack("8xI6I8x", 3, 16, 1920, 8, 16, 1080, 8)
            if request == 0xC034564B and about[0] == MJPG:
                return struct.pack("16xI2I24x", 1, *self.intervals[about[1], about[2]][place])
        except IndexError:
            pass
        raise OSError(22, "Invalid argument")


def test_formats_sizes_and_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(fcntl, "ioctl", Driver().ioctl)
    monkeypatch.setattr(os, "open", lambda *_: 99)
    monkeypatch.setattr(os, "close", lambda _: None)
    found = modes(0)
    assert found == [
        Mode("MJPG", (640, 480), (30, 15)),
        Mode("MJPG", (1280, 720), (29.97,)),
        Mode("YUYV", (1920, 1080), (), any_smaller=True),
    ]
    assert [str(mode) for mode in found] == ["640x480 at 30, 15", "1280x720 at 29.97", "up to 1920x1080"]


def test_a_device_that_cannot_be_asked_has_none() -> None:
    assert modes(987) == []
