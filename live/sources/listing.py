"""`fomm-live cameras`: names, formats, rates."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

from live.sources.cameras import Camera
from live.sources.modes import Mode, modes
from live.sources.webcam import why_not

#: So many sizes of one format are written in full.
_SHOWN = 6

NONE = "no camera found; --camera also takes a video, or 'demo'"


def describe(cameras: Sequence[Camera], ask: Callable[[int], list[Mode]] = modes) -> Iterator[str]:
    """Lines that list the cameras with what each one offers."""
    if not cameras:
        yield NONE
    for camera in cameras:
        yield str(camera)
        if sys.platform.startswith("linux"):
            yield from _offers(camera, ask(camera.index))


def _offers(camera: Camera, found: Sequence[Mode]) -> Iterator[str]:
    if not found:
        yield f"   {why_not(camera.index)}"
    for name in dict.fromkeys(mode.format for mode in found):
        sizes = [str(mode) for mode in found if mode.format == name]
        more = f"; {len(sizes) - _SHOWN} more" if len(sizes) > _SHOWN else ""
        yield f"   {name}: {'; '.join(sizes[:_SHOWN])}{more}"
