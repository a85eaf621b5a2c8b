"""A webcam that may be unplugged, stall or send garbage, and comes back when it can."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import CameraError
from fomm.native_stderr import quiet_native_stderr
from live import loopback, v4l2
from live.background import Background
from live.frames import CapturedFrame
from live.slot import Slot
from live.sources.base import Notify
from live.sources.cameras import Camera, find_camera, list_cameras, what_is_there
from live.sources.health import Health

#: So many bad frames in a row are forgiven before the camera is opened again.
_FORGIVEN = 5

#: A camera that has just been opened may take this long for its first frame.
_FIRST_FRAME_S = 6.0


_TURNS = {
    0: None,
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class Device(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102 - OpenCV's name
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class Webcam:
    """The newest frame of a webcam. Once open it never ends by itself: what goes wrong is waited out.

    A camera that fails, stalls for `stall_after` seconds or sends garbage is let go, and opened again every
    `retry_every` seconds until it is back. The user is told each time, and when it delivers, but a black or
    frozen picture, very few frames a second, or another size.

    Args:
        camera: an index or a name; None takes the first camera there is.
        size: `(width, height)` asked of the camera, which may give another.
        rate: frames per second asked of the camera.
        rotate: degrees, clockwise, that make the picture upright: 0, 90, 180, 270.
        notify: takes a sentence about what happened.
        find, connect: how the camera is looked up and opened.

    Raises:
        CameraError: the camera is absent, busy, or our own output; the message lists what is there.
    """

    live = True

    def __init__(
        self,
        camera: int | str | None = None,
        *,
        size: tuple[int, int] = (1280, 720),
        rate: float = 30.0,
        rotate: int = 0,
        notify: Notify = lambda _: None,
        stall_after: float = 3.0,
        retry_every: float = 1.0,
        find: Callable[[str | int | None], Camera] = find_camera,
        connect: Callable[[int, tuple[int, int], float], Device] | None = None,
    ) -> None:
        self._find = find
        self._connect = connect or open_device
        self._camera = find(camera)
        # A name follows the camera to whatever index it has after it was plugged in again.
        self._wanted = camera
        self._size, self._rate = size, rate
        self._turn = _TURNS[rotate]
        self._notify = notify
        self._stall_after, self._retry_every = stall_after, retry_every
        self.name = self._camera.name
        self._health = Health(self.name)

        self._slot: Slot[CapturedFrame] = Slot()
        self._stopping = threading.Event()
        self._captured = 0
        self._shape: tuple[int, ...] | None = None
        self._device: Device | None = self._open_first()
        self._started_at = self._last_frame_at = time.monotonic()
        #: Counts connections: a thread that hangs in a stalled device is left behind when this moves on.
        self._connection = 0

    def start(self) -> None:
        """Begin to capture."""
        self._started_at = self._last_frame_at = time.monotonic()
        self._capture_in_thread(self._device)

    def read(self, timeout: float) -> CapturedFrame | None:
        """See `VideoSource.read`. Notices a device that hangs, and opens it afresh."""
        frame = self._slot.take(timeout)
        if frame is None and time.monotonic() - self._last_frame_at > self._stall_after:
            self._last_frame_at = time.monotonic()
            if self._device is not None:
                self._notify(f"{self.name} has stalled: holding the picture, opening it again")
                self._connection += 1
                self._capture_in_thread(None)
        return frame

    @property
    def ended(self) -> bool:
        """See `VideoSource.ended`."""
        return self._slot.ended

    @property
    def dropped(self) -> int:
        """See `VideoSource.dropped`."""
        return self._slot.dropped

    def close(self) -> None:
        """Let the camera go; idempotent."""
        self._stopping.set()
        self._slot.close()
        if (thread := getattr(self, "_thread", None)) is not None:
            thread.join(1.0)
        elif self._device is not None:
            self._device.release()
            self._device = None

    def _capture_in_thread(self, device: Device | None) -> None:
        self._device = device
        self._thread = threading.Thread(
            target=self._capture, args=(self._connection, device), name="capture", daemon=True
        )
        self._thread.start()

    def _capture(self, connection: int, device: Device | None) -> None:
        bad = 0
        try:
            while self._is_current(connection):
                if device is None:
                    if self._stopping.wait(self._retry_every) or not self._is_current(connection):
                        break
                    self._device = device = self._reopen()
                    continue
                asked = time.monotonic()
                pixels = grab(device)
                if not self._is_current(connection):
                    break
                if pixels is not None:
                    bad = 0
                    self._publish(pixels, time.monotonic() - asked)
                    continue
                bad += 1
                if bad > _FORGIVEN:
                    bad = 0
                    self._notify(f"{self.name} stopped delivering: holding the picture until it is back")
                    device.release()
                    self._device = device = None
                else:
                    self._stopping.wait(0.01)
        finally:
            if device is not None:
                device.release()

    def _is_current(self, connection: int) -> bool:
        return connection == self._connection and not self._stopping.is_set()

    def _publish(self, pixels: Frame, capture_s: float) -> None:
        if self._turn is not None:
            pixels = np.asarray(cv2.rotate(pixels, self._turn), np.uint8)
        if self._shape is not None and pixels.shape != self._shape:
            height, width = pixels.shape[:2]
            turned = pixels.shape[:2] == self._shape[1::-1]
            change = "was turned, its size is now" if turned else "changed its size to"
            self._notify(f"{self.name} {change} {width}x{height}: taking a new neutral pose")
        self._shape = pixels.shape
        now = self._last_frame_at = time.monotonic()
        if (remark := self._health.look(pixels, now)) is not None:
            self._notify(remark)
        self._slot.replace(CapturedFrame(pixels, self._captured, now, now - self._started_at, capture_s))
        self._captured += 1

    def _open_first(self) -> Device:
        with quiet_native_stderr():
            device = self._connect(self._camera.index, self._size, self._rate)
        if device.isOpened():
            first = Background(lambda: grab(device), name="first frame")
            if first.wait(_FIRST_FRAME_S) and first.result() is not None:
                return device
            if first.done:
                device.release()
        raise CameraError(
            f"camera {self._camera} {why_not(self._camera.index)}; close other programs that may use it, "
            f"or choose another: {what_is_there(list_cameras())}"
        )

    def _reopen(self) -> Device | None:
        """The camera again, or None while it is away."""
        try:
            index = self._find(self._wanted).index
            device = self._connect(index, self._size, self._rate)
        except (CameraError, cv2.error):
            return None
        if not device.isOpened() or grab(device) is None:
            device.release()
            return None
        self._health.restart()
        self._notify(f"{self.name} is back")
        return device

    def __enter__(self) -> Webcam:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_device(index: int, size: tuple[int, int], rate: float) -> cv2.VideoCapture:
    """Open a webcam with OpenCV, compressed (raw video reaches 30 FPS only at small sizes) and unbuffered."""
    api = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}
    device = cv2.VideoCapture(index, api.get(sys.platform, cv2.CAP_ANY))
    if not device.isOpened() and sys.platform == "win32":
        device = cv2.VideoCapture(index, cv2.CAP_MSMF)
    if device.isOpened():
        device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        device.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        device.set(cv2.CAP_PROP_FPS, rate)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        device.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2000)
    return device


def grab(device: Device) -> Frame | None:
    """One frame as RGB, or None where the device gave none or garbage."""
    try:
        delivered, pixels = device.read()
        if (
            not delivered
            or not isinstance(pixels, np.ndarray)
            or pixels.dtype != np.uint8
            or pixels.size == 0
        ):
            return None
        if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 1):
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            return None
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    except cv2.error:
        return None


def why_not(index: int) -> str:
    """What is wrong with a camera that could not be opened, as the end of a sentence that begins with its name."""
    if not sys.platform.startswith("linux"):
        return "cannot be opened, or delivers no picture"
    path = f"/dev/video{index}"
    holders = [str(user) for user in v4l2.users(index) if user.process != os.getpid()]
    used = f": {', '.join(holders)} has it open" if holders else ""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError:
        return f"may not be used: {loopback.membership(path)}"
    except OSError as error:
        if error.errno == errno.EBUSY:
            return f"is busy{used}"
        return f"cannot be opened ({error.strerror})"
    return f"is busy or delivers no picture{used}"
