"""The landmarks of the faces in a picture or a stream, whatever executes the networks."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol, TypeAlias

import numpy as np

from fomm.animators.base import Frame, Landmarks
from fomm.errors import ConfigError, first_line
from fomm.faces.choosing import quickest_first

Mode: TypeAlias = Literal["image", "video"]


class Backend(Protocol):
    """What executes the networks of one landmarker."""

    def detect(self, pixels: Frame, timestamp: float, /) -> list[Landmarks]:
        """See `FaceLandmarker.detect`."""
        ...

    def close(self) -> None:
        """Free what is native; idempotent."""
        ...


def _openvino(mode: Mode, max_faces: int) -> Backend:
    from fomm.faces.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(mode, max_faces)


def _mediapipe(mode: Mode, max_faces: int) -> Backend:
    from fomm.faces.mediapipe_backend import MediaPipeBackend

    return MediaPipeBackend(mode, max_faces)


#: name → factory; "auto" takes the quickest that works here. They find the same landmarks to a fifth of a
#: pixel, and on x86 processors OpenVINO needs a quarter of the time.
BACKENDS: dict[str, Callable[[Mode, int], Backend]] = {"openvino": _openvino, "mediapipe": _mediapipe}


class FaceLandmarker:
    """478 landmarks of every face in a picture or in the successive frames of a video.

    Args:
        mode: "image" looks at each picture afresh; "video" follows faces from frame to frame, which is
            steadier but needs frames of one stream in order.
        max_faces: how many faces to look for.
        backend: one of `BACKENDS`, or "auto".

    Attributes:
        backend: the name of the one in use.
        notices: why those before it are not, a sentence each.

    Raises:
        ConfigError: there is no such backend, or it does not work here.
    """

    def __init__(self, *, mode: Mode, max_faces: int = 4, backend: str = "auto") -> None:
        if backend != "auto" and backend not in BACKENDS:
            raise ConfigError(f'tracker "{backend}" is unknown; choose auto, {", ".join(BACKENDS)}')
        problems: list[str] = []
        for name in quickest_first(BACKENDS) if backend == "auto" else (backend,):
            try:
                self._backend: Backend | None = BACKENDS[name](mode, max_faces)
            except (ImportError, RuntimeError, OSError) as error:
                problems.append(f"face tracking with {name} does not work here ({first_line(error)})")
            else:
                self.backend = name
                break
        else:
            raise ConfigError(f"{'; '.join(problems)}; reinstall fomm-live, or choose another --tracker")
        self.notices = tuple(f"{problem}; {self.backend} is used" for problem in problems)

    def detect(self, pixels: Frame, timestamp: float = 0.0) -> list[Landmarks]:
        """Landmarks of every face found, `(478, 3)` float32 in pixels each.

        Args:
            pixels: `(H, W, 3)` uint8 RGB.
            timestamp: seconds; video mode needs it to grow, and nudges it forward where it does not.

        Raises:
            ValueError: these are no such pixels, or the landmarker was closed.
        """
        if self._backend is None:
            raise ValueError("this landmarker was closed")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(
                f"pixels to find faces in are (H, W, 3) uint8 RGB, not {pixels.shape} {pixels.dtype}"
            )
        return self._backend.detect(pixels, timestamp)

    def close(self) -> None:
        """Free what is native; idempotent."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
