"""The virtual camera that Zoom, Meet and OBS see."""

from __future__ import annotations

import sys
from pathlib import Path

from fomm.errors import SinkError
from live.frames import OutputFrame
from live.names import VIRTUAL_CAMERA_NAME
from live.sinks.base import Sink

_SYSFS = Path("/sys/class/video4linux")

_LINUX_ADVICE = (
    "install v4l2loopback (Debian, Ubuntu: sudo apt install v4l2loopback-dkms) and load it: "
    f'sudo modprobe v4l2loopback devices=1 card_label="{VIRTUAL_CAMERA_NAME}" exclusive_caps=1'
)
_ADVICE = {
    "linux": _LINUX_ADVICE,
    "darwin": "install OBS 30 or later, start its virtual camera once, allow its extension, and quit OBS",
    "win32": "install OBS 26 or later (or Unity Capture), and stop its virtual camera if it is running",
}


class VirtualCamera(Sink):
    """Frames as a camera, through pyvirtualcam: v4l2loopback on Linux, OBS or Unity Capture elsewhere.

    Raises:
        SinkError: no backend works; the message has each one's reason and what to do on this system.
    """

    def __init__(self, size: tuple[int, int], *, rate: float = 30.0) -> None:
        super().__init__(size)
        self._open = False
        device = loopback_device(_SYSFS) if sys.platform.startswith("linux") else None
        try:
            import pyvirtualcam

            self._camera = pyvirtualcam.Camera(
                size[0], size[1], rate, fmt=pyvirtualcam.PixelFormat.RGB, device=device
            )
        # Backends raise whatever they like, and a broken installation fails on import.
        except Exception as error:
            raise SinkError(_refusal(error)) from None
        self._open = True
        self.name = f"{VIRTUAL_CAMERA_NAME} ({self._camera.backend}, {self._camera.device})"

    def _send(self, frame: OutputFrame, _timestamp: float) -> None:
        try:
            self._camera.send(frame)
        except Exception as error:
            raise SinkError(f"{self.name} takes no more frames ({error}); start it again") from None

    def _close(self) -> None:
        self._camera.close()


def loopback_device(sysfs: Path) -> str | None:
    """The device file of the loopback called "FOMM Cam"; None where none is, so that any is taken."""
    for node in sorted(sysfs.glob("video*")):
        try:
            if (node / "name").read_text().strip() == VIRTUAL_CAMERA_NAME:
                return f"/dev/{node.name}"
        except OSError:
            continue
    return None


def _refusal(error: Exception) -> str:
    reasons = "; ".join(line.strip().rstrip(".") for line in str(error).splitlines() if line.strip())
    advice = next((text for system, text in _ADVICE.items() if sys.platform.startswith(system)), "")
    return f"no virtual camera: {reasons or type(error).__name__}; {advice}"
