"""What a Linux camera offers: formats, sizes, rates."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from live import v4l2

_FORMATS = 0xC0405602  # VIDIOC_ENUM_FMT
_SIZES = 0xC02C564A  # VIDIOC_ENUM_FRAMESIZES
_INTERVALS = 0xC034564B  # VIDIOC_ENUM_FRAMEINTERVALS
_CAPTURED = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_DISCRETE = 1

#: A driver that never says "no more" is not asked for more than this.
_ENOUGH = 64


@dataclass(frozen=True)
class Mode:
    """One format in one size.

    Attributes:
        format: the FourCC, such as "MJPG" (compressed) or "YUYV" (not).
        size: `(width, height)`; the largest, where the camera takes any up to it.
        rates: frames per second, the fastest first; empty where the driver does not tell.
        any_smaller: whether smaller sizes can be had too, without being listed.
    """

    format: str
    size: tuple[int, int]
    rates: tuple[float, ...] = ()
    any_smaller: bool = False

    def __str__(self) -> str:
        rates = f" at {', '.join(f'{rate:g}' for rate in self.rates)}" if self.rates else ""
        return f"{'up to ' if self.any_smaller else ''}{self.size[0]}x{self.size[1]}{rates}"


def modes(index: int) -> list[Mode]:
    """The camera's modes, in its driver's order; empty where it cannot be asked."""
    with contextlib.suppress(OSError), v4l2.opened(index) as device:
        return list(_modes(device))
    return []


def _modes(device: int) -> Iterator[Mode]:
    for (code,) in _listed(device, _FORMATS, "44xI16x", (_CAPTURED,)):
        for kind, *numbers in _listed(device, _SIZES, "8xI6I8x", (code,)):
            # Discrete sizes are (width, height); ranges (width from, to, step, height from, to, step).
            size = (numbers[0], numbers[1]) if kind == _DISCRETE else (numbers[1], numbers[4])
            yield Mode(_fourcc(code), size, _rates(device, code, size), kind != _DISCRETE)
            if kind != _DISCRETE:
                break


def _rates(device: int, code: int, size: tuple[int, int]) -> tuple[float, ...]:
    rates = set()
    for kind, seconds, per, *_ in _listed(device, _INTERVALS, "16xI6I8x", (code, *size)):
        # A range begins with the shortest interval.
        if seconds:
            rates.add(round(per / seconds, 2))
        if kind != _DISCRETE:
            break
    return tuple(sorted(rates, reverse=True))


def _listed(device: int, request: int, answer: str, about: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """What the driver lists, until it says that there is no more.

    Args:
        answer: the parts of the driver's structure that are wanted, as `struct` writes them.
        about: what the question begins with, behind its place in the list.
    """
    import fcntl

    for place in range(_ENOUGH):
        question = struct.pack(f"{1 + len(about)}I", place, *about).ljust(struct.calcsize(answer), b"\0")
        try:
            yield struct.unpack(answer, fcntl.ioctl(device, request, question))
        except OSError:
            return


def _fourcc(code: int) -> str:
    return code.to_bytes(4, "little").decode("ascii", "replace").strip()
