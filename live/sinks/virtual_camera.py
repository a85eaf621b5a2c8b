"""The virtual camera that Zoom, Meet and OBS see."""

from __future__ import annotations

import platform

from fomm.errors import SinkError, first_line
from live import loopback, v4l2
from live.composer import fitted
from live.frames import OutputFrame
from live.names import VIRTUAL_CAMERA_NAME
from live.setup_camera import other_systems
from live.sinks.base import Sink
from live.sinks.steady import SteadyRate


class VirtualCamera(Sink):
    """Frames as a camera, through pyvirtualcam: v4l2loopback on Linux, OBS or Unity Capture elsewhere.

    On Linux the device called "FOMM Cam" is taken, and where none is, a loopback device that is free. Viewers get
    `rate` frames a second from the first frame on, however many are sent: the newest is repeated.

    The device keeps the size that it was opened with, because a call that has begun does not follow another one;
    and where somebody still watches since an earlier session, that session's size. Frames are fitted into it.

    Raises:
        SinkError: it cannot be opened; the message says what is wrong and what to do, its cause is pyvirtualcam's.
    """

    def __init__(self, size: tuple[int, int], *, rate: float = 30.0) -> None:
        super().__init__(size)
        self._open = False
        self._announced = size
        self._index = loopback.own_index() if platform.system() == "Linux" else None
        if self._index is not None:
            v4l2.free_output(self._index)
            self._announced = v4l2.accepted_size(self._index, size)
        try:
            import pyvirtualcam
        except Exception as error:  # a broken installation may raise anything
            raise SinkError(
                f"no virtual camera: pyvirtualcam cannot be imported ({error}); install it again"
            ) from None
        try:
            self._camera = pyvirtualcam.Camera(
                *self._announced,
                rate,
                fmt=pyvirtualcam.PixelFormat.RGB,
                device=None if self._index is None else f"/dev/video{self._index}",
            )
        # Backends raise whatever they like.
        except Exception as error:
            raise SinkError(f"no virtual camera: {_reason(error, self._index)}") from error
        self._steady = SteadyRate(self._camera.send, rate)
        self._open = True
        self.name = f"{VIRTUAL_CAMERA_NAME} ({self._camera.backend}, {self._camera.device})"

    def _send(self, frame: OutputFrame, _timestamp: float) -> None:
        try:
            self._steady.send(fitted(frame, self._announced))
        except Exception as error:
            raise SinkError(f"{self.name} takes no more frames ({error}); start it again") from None

    def _close(self) -> None:
        self._steady.close()
        self._camera.close()
        if self._index is not None:
            v4l2.free_output(self._index)


def _reason(error: Exception, index: int | None) -> str:
    """What is really wrong, and what to do. Libraries say of most troubles that there is no device."""
    # Not `sys.platform`, which type checkers take for that of their own machine.
    if platform.system() != "Linux":
        return f"{other_systems.refusal()}; run: fomm-live setup-camera"
    known = loopback.refusal(index)
    if known is not None:
        return known
    said = first_line(error).rstrip(".")
    return f"/dev/video{index} does not take these frames: {said}; run: fomm-live setup-camera"
