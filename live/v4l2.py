"""What Linux tells about video devices, and a loopback device freed for its next use."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")

#: The driver name of v4l2loopback's devices.
LOOPBACK = "v4l2 loopback"

_QUERY_CAPABILITIES = 0x80685600  # VIDIOC_QUERYCAP
_STREAM_ON = 0x40045612  # VIDIOC_STREAMON
_TRY_FORMAT = 0xC0D05640  # VIDIOC_TRY_FMT
_YUV420 = int.from_bytes(b"YU12", "little")
_OUTPUT_BUFFERS = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT

_CAPTURE = 0x1 | 0x1000  # single- and multi-planar
_OUTPUT = 0x2 | 0x2000
_PER_DEVICE = 0x80000000


@dataclass(frozen=True)
class Capabilities:
    """What a device says it is: its driver, and whether it can be read from and written to now."""

    driver: str
    captures: bool
    outputs: bool


@dataclass(frozen=True)
class User:
    """A program that has a device open."""

    process: int
    name: str
    writes_only: bool

    def __str__(self) -> str:
        return f"{self.name} (process {self.process})"


def names(sysfs: Path = SYSFS) -> dict[int, str]:
    """The name of every video device, by number, in order."""
    found = {}
    for node in sysfs.glob("video*"):
        with contextlib.suppress(OSError, ValueError):
            found[int(node.name.removeprefix("video"))] = (node / "name").read_text().strip()
    return dict(sorted(found.items()))


def capabilities(index: int) -> Capabilities | None:
    """Ask the device; None where it cannot be opened."""
    with contextlib.suppress(OSError), opened(index) as device:
        import fcntl

        answer = fcntl.ioctl(device, _QUERY_CAPABILITIES, bytes(104))
        driver = answer[:16].rstrip(b"\0").decode("ascii", "replace")
        everything, this_node = struct.unpack_from("II", answer, 84)
        flags = this_node if everything & _PER_DEVICE else everything
        return Capabilities(driver, bool(flags & _CAPTURE), bool(flags & _OUTPUT))
    return None


def free_output(index: int) -> None:
    """Make a loopback device that was written to before announce itself as an output again.

    Up to version 0.12, v4l2loopback with `exclusive_caps=1` forgets to when a program that used `write` has
    closed it, as pyvirtualcam does: nobody could open it a second time until the module is loaded again. It does
    not forget when the closing program had asked for streaming. Left alone is a device that someone writes to.
    """
    found = capabilities(index)
    if found is None or found.driver != LOOPBACK or found.outputs or writer(index) is not None:
        return
    with contextlib.suppress(OSError), opened(index) as device:
        import fcntl

        # This may fail, because nothing is set up to be streamed; the driver notes the wish before it looks.
        fcntl.ioctl(device, _STREAM_ON, struct.pack("i", _OUTPUT_BUFFERS))
    # The driver tells the kernel what the device can do only when it is asked; a program that does not ask, as
    # FFmpeg, would be refused for what was true before.
    capabilities(index)


def accepted_size(index: int, size: tuple[int, int]) -> tuple[int, int]:
    """The `(width, height)` that an output would take from somebody who wants to send pictures of `size`.

    A loopback device keeps the size of its last writer for as long as somebody watches.
    """
    with contextlib.suppress(OSError), opened(index) as device:
        import fcntl

        wish = struct.pack("I4x3I", _OUTPUT_BUFFERS, *size, _YUV420).ljust(208, b"\0")
        width, height = struct.unpack_from("2I", fcntl.ioctl(device, _TRY_FORMAT, wish), 8)
        if width and height:
            return width, height
    return size


def writer(index: int, proc: Path = Path("/proc")) -> int | None:
    """The process that has the device open for writing only, as pyvirtualcam does; None where none is seen."""
    return next((user.process for user in users(index, proc) if user.writes_only), None)


def users(index: int, proc: Path = Path("/proc")) -> list[User]:
    """Who has the device open, as far as we may know: root sees every process, others only their own."""
    target = f"/dev/video{index}"
    found = []
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) == target:
                    details = (process / "fdinfo" / descriptor.name).read_text()
                    flags = int(details.partition("flags:")[2].split()[0], 8)
                    name = (process / "comm").read_text().strip()
                    found.append(User(int(process.name), name, flags & os.O_ACCMODE == os.O_WRONLY))
    return found


@contextlib.contextmanager
def opened(index: int) -> Iterator[int]:
    """The device as a file descriptor; raises what the system says, such as OSError with EBUSY."""
    device = os.open(f"/dev/video{index}", os.O_RDWR | os.O_NONBLOCK)
    try:
        yield device
    finally:
        os.close(device)
