"""What a camera really delivers, by looking for a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fomm.errors import CameraError
from fomm.native_stderr import quiet_native_stderr
from fomm.wording import counted
from live.background import Background
from live.sources.cameras import Camera
from live.sources.health import is_black
from live.sources.webcam import Device, grab, open_device, why_not

#: As `Webcam` asks for.
_SIZE, _RATE = (1280, 720), 30.0

#: Cameras begin with a few frames at odd times, and dark ones.
_SETTLING = 3

#: Opening and settling may take this long.
_PATIENCE_S = 3.0


@dataclass(frozen=True)
class Delivered:
    """What came.

    Attributes:
        size: `(width, height)` of the frames.
        rate: frames per second.
        black: whether there was nothing to see.
    """

    size: tuple[int, int]
    rate: float
    black: bool


def measure(
    camera: Camera,
    seconds: float = 1.0,
    connect: Callable[[int, tuple[int, int], float], Device] = open_device,
) -> Delivered:
    """Open a camera, look, and let it go; takes `seconds` and what the camera needs to start.

    Raises:
        CameraError: it cannot be opened or delivers nothing; the message says why.
    """
    coming = Background(lambda: _look(camera, seconds, connect), name=f"measuring {camera.name}")
    if not coming.wait(_PATIENCE_S + seconds):
        raise CameraError(
            f"{camera.name} delivers no picture; close other programs that use it, or plug it in anew"
        )
    return coming.result()


def _look(
    camera: Camera, seconds: float, connect: Callable[[int, tuple[int, int], float], Device]
) -> Delivered:
    with quiet_native_stderr():
        device = connect(camera.index, _SIZE, _RATE)
    try:
        if not device.isOpened():
            raise CameraError(f"{camera.name} {why_not(camera.index)}")
        for _ in range(_SETTLING):
            pixels = grab(device)
        if pixels is None:
            raise CameraError(f"{camera.name} {why_not(camera.index)}")
        started = time.monotonic()
        count = 0
        while (elapsed := time.monotonic() - started) < seconds:
            newest = grab(device)
            if newest is None:
                delivered = counted(count, "frame")
                raise CameraError(f"{camera.name} stopped delivering after {delivered}; plug it in anew")
            pixels = newest
            count += 1
    finally:
        device.release()
    return Delivered((pixels.shape[1], pixels.shape[0]), count / elapsed, is_black(pixels))
