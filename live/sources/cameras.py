"""Which cameras there are. Our own output, the virtual camera "FOMM Cam", is never one of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fomm.errors import CameraError
from live import loopback, v4l2
from live.names import OUTPUT_NAMES, VIRTUAL_CAMERA_NAME

#: How many indexes are tried where the system gives no list.
_PROBED = 5


@dataclass(frozen=True)
class Camera:
    """A camera's number, as OpenCV counts, and its name."""

    index: int
    name: str

    def __str__(self) -> str:
        return f"{self.index}: {self.name}"


def list_cameras() -> list[Camera]:
    """Every camera that can be driven from, by index."""
    return linux_cameras() if _on_linux() else named_cameras()


def linux_cameras(sysfs: Path = v4l2.SYSFS) -> list[Camera]:
    """What the kernel lists, without our own output and without nodes that carry no pictures."""
    own = loopback.own_index(sysfs)
    return [
        Camera(index, name)
        for index, name in v4l2.names(sysfs).items()
        if index != own and _carries_pictures(index)
    ]


def _carries_pictures(index: int) -> bool:
    """Webcams also have nodes for metadata. One that is busy or forbidden counts: opening it will say so."""
    found = v4l2.capabilities(index)
    return found is None or found.captures


def find_camera(wanted: str | int | None) -> Camera:
    """The camera of that index or name; without a wish, the first there is.

    A name is matched without regard to case, in full or, where that is unambiguous, in part.

    Raises:
        CameraError: there is none, or it is our own output; the message lists what is there.
    """
    cameras = list_cameras()
    if wanted is None:
        if not cameras:
            raise CameraError(f"no camera found; {what_is_there(cameras)}")
        return cameras[0]
    if isinstance(wanted, int):
        if is_own_output(wanted):
            raise CameraError(
                f"camera {wanted} is the virtual camera, our own output; {what_is_there(cameras)}"
            )
        for camera in cameras:
            if camera.index == wanted:
                return camera
        if not _on_linux():
            return Camera(
                wanted, f"camera {wanted}"
            )  # other systems' lists are not complete: opening will tell
        raise CameraError(f"there is no camera {wanted}; {what_is_there(cameras)}")
    name = wanted.casefold()
    if name in (output.casefold() for output in _output_names()):
        raise CameraError(f"{wanted} is our own output; {what_is_there(cameras)}")
    exact = [camera for camera in cameras if camera.name.casefold() == name]
    partly = [camera for camera in cameras if name in camera.name.casefold()]
    if exact or len(partly) == 1:
        return (exact or partly)[0]
    if partly:
        raise CameraError(f'several cameras are called "{wanted}"; {what_is_there(cameras)}')
    raise CameraError(f'"{wanted}" is neither a camera nor an existing file; {what_is_there(cameras)}')


def is_own_output(index: int, sysfs: Path = v4l2.SYSFS) -> bool:
    """Whether that index is the virtual camera we write to, whatever it is called."""
    if _on_linux():
        return index == loopback.own_index(sysfs)
    return any(camera.index == index and camera.name in _output_names() for camera in _named() or ())


def what_is_there(cameras: list[Camera]) -> str:
    """The end of an error message: the cameras to choose from, or what to do without one."""
    if not cameras:
        return "plug one in, or drive from a video with --camera clip.mp4 (or --camera demo)"
    return "there is " + ", ".join(f"{camera.index} ({camera.name})" for camera in cameras)


def named_cameras() -> list[Camera]:
    """What Windows and macOS list, without our own output; where they do not tell, what can be opened."""
    found = _named()
    if found is None:
        return _probed_cameras()
    return [camera for camera in found if camera.name not in _output_names()]


def _named() -> list[Camera] | None:
    """Every camera with its name, in the order of the interface that it will be opened through."""
    import cv2

    try:
        from cv2_enumerate_cameras import enumerate_cameras, supported_backends
    except ImportError:
        return None
    api = cv2.CAP_DSHOW if sys.platform == "win32" else cv2.CAP_AVFOUNDATION
    if api not in supported_backends:
        return None
    return [Camera(found.index, found.name) for found in enumerate_cameras(api)]


def _on_linux() -> bool:
    # In a function of its own, since type checkers take what follows it for their own machine's.
    return sys.platform.startswith("linux")


def _output_names() -> tuple[str, ...]:
    """Names that are our own output's; on Linux another program's device may be called as OBS's."""
    return (VIRTUAL_CAMERA_NAME,) if _on_linux() else OUTPUT_NAMES


def _probed_cameras() -> list[Camera]:
    import cv2

    cameras = []
    for index in range(_PROBED):
        capture = cv2.VideoCapture(index)
        if capture.isOpened():
            cameras.append(Camera(index, f"camera {index}"))
        capture.release()
    return cameras
