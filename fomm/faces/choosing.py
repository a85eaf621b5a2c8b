"""Which backend of face tracking is quicker on this machine: found out once, and remembered."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from fomm import resources
from fomm.engines import cache
from fomm.images import load_image

if TYPE_CHECKING:
    from fomm.faces.landmarker import Backend, Mode

Factory: TypeAlias = "Callable[[Mode, int], Backend]"

#: Processors for which the backends' own order is the right one, measured in `benchmarks/tracking.py`.
_MEASURED = ("x86_64", "amd64")
#: So many frames are looked at, the first few of which do not count.
_FRAMES, _WARM_UP = 12, 3
_SIDE = 512


def quickest_first(backends: Mapping[str, Factory]) -> list[str]:
    """The names of backends in the order in which they are to be tried."""
    if platform.machine().lower() in _MEASURED:
        return list(backends)
    return _measured(tuple(backends.items()))


@functools.cache
def _measured(backends: tuple[tuple[str, Factory], ...]) -> list[str]:
    names = [name for name, _ in backends]
    entry = cache.path_of(
        "tracker",
        processor=cache.processor(),
        versions=[_version(package) for package in ("openvino", "mediapipe")],
        program=cache.program("faces", "tflite"),
    )
    times = cache.read_record(entry)
    if times is None:
        times = {name: taken for name, factory in backends if (taken := _milliseconds(factory)) is not None}
        if len(times) == len(names):
            cache.write_record(entry, times)
    # One that does not work comes last: it is asked again only where no other works either.
    return sorted(names, key=lambda name: times.get(name, float("inf")))


def _milliseconds(factory: Factory) -> float | None:
    """How long a frame takes, following the face in one of the bundled portraits; None where it does not work."""
    pixels = load_image(resources.AVATARS / "amara.jpg", max_side=_SIDE).pixels
    taken = []
    try:
        backend = factory("video", 1)
        for index in range(_FRAMES):
            started = time.perf_counter()
            backend.detect(pixels, index / 30)
            taken.append(1e3 * (time.perf_counter() - started))
        backend.close()
    except (ImportError, RuntimeError, OSError):
        return None
    return statistics.median(taken[_WARM_UP:])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
