"""The virtual camera that Zoom, Meet and OBS see."""

from __future__ import annotations

import sys
from pathlib import Path

from fomm.errors import SinkError
from live import v4l2
from live.frames import OutputFrame
from live.names import VIRTUAL_CAMERA_NAME
from live.sinks.base import Sink

_LOAD = f'sudo modprobe v4l2loopback devices=1 card_label="{VIRTUAL_CAMERA_NAME}" exclusive_caps=1'
_ADVICE = {
    "linux": f"install v4l2loopback (Debian, Ubuntu: sudo apt install v4l2loopback-dkms) and load it: {_LOAD}",
    "darwin": "install OBS 30 or later, start its virtual camera once, allow its extension, and quit OBS",
    "win32": "install OBS 26 or later (or Unity Capture), and stop its virtual camera if it is running",
}


class VirtualCamera(Sink):
    """Frames as a camera, through pyvirtualcam: v4l2loopback on Linux, OBS or Unity Capture elsewhere.

    On Linux the device called "FOMM Cam" is taken, and where none is, any loopback device.

    Raises:
        SinkError: no backend works; the message has each one's reason and what to do on this system.
    """

    def __init__(self, size: tuple[int, int], *, rate: float = 30.0) -> None:
        super().__init__(size)
        self._open = False
        self._index = loopback_index() if sys.platform.startswith("linux") else None
        if self._index is not None:
            v4l2.free_output(self._index)
        try:
            import pyvirtualcam

            self._camera = pyvirtualcam.Camera(
                size[0],
                size[1],
                rate,
                fmt=pyvirtualcam.PixelFormat.RGB,
                device=None if self._index is None else f"/dev/video{self._index}",
            )
        # Backends raise whatever they like, and a broken installation fails on import.
        except Exception as error:
            raise SinkError(_refusal(error, self._index)) from None
        self._open = True
        self.name = f"{VIRTUAL_CAMERA_NAME} ({self._camera.backend}, {self._camera.device})"

    def _send(self, frame: OutputFrame, _timestamp: float) -> None:
        try:
            self._camera.send(frame)
        except Exception as error:
            raise SinkError(f"{self.name} takes no more frames ({error}); start it again") from None

    def _close(self) -> None:
        self._camera.close()
        if self._index is not None:
            v4l2.free_output(self._index)


def loopback_index(sysfs: Path = v4l2.SYSFS) -> int | None:
    """The number of the device called "FOMM Cam"; where none is, of any loopback device; None without one."""
    names = v4l2.names(sysfs)
    for index, name in names.items():
        if name == VIRTUAL_CAMERA_NAME:
            return index
    for index in names:
        found = v4l2.capabilities(index)
        if found is not None and found.driver == v4l2.LOOPBACK and v4l2.writer(index) is None:
            return index
    return None


def _refusal(error: Exception, index: int | None) -> str:
    reasons = "; ".join(line.strip().rstrip(".") for line in str(error).splitlines() if line.strip())
    advice = next((text for system, text in _ADVICE.items() if sys.platform.startswith(system)), "")
    if index is not None:
        process = v4l2.writer(index)
        advice = f"load the module again: sudo modprobe -r v4l2loopback; {_LOAD}"
        if process is not None:
            advice = f"another program (process {process}) sends to it already: stop that one"
    return f"no virtual camera: {reasons or type(error).__name__}; {advice}"
