"""Finding faces and their landmarks with MediaPipe Face Landmarker, from the model that ships with us."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal

import numpy as np

from fomm import resources
from fomm.animators.base import Frame, Landmarks, SourceImage
from fomm.errors import NoFaceError
from fomm.mediapipe_import import load_mediapipe

MODEL_FILE = resources.MODELS / "face_landmarker.task"

#: A source face narrower than this, in pixels, has too little of eyes and mouth to animate.
MIN_FACE_WIDTH = 40
#: Parts of a picture smaller than this, in pixels, are not searched: no face in them would be large enough.
_SMALLEST_PART = 4 * MIN_FACE_WIDTH


class FaceLandmarker:
    """478 landmarks of every face in a picture or in the successive frames of a video.

    Args:
        mode: "image" looks at each picture afresh; "video" follows faces from frame to frame, which is faster
            and steadier but needs frames of one stream in order.
        max_faces: how many faces to look for.
    """

    def __init__(self, *, mode: Literal["image", "video"], max_faces: int = 4) -> None:
        load_mediapipe()
        from mediapipe.tasks.python import BaseOptions, vision

        running = vision.RunningMode.VIDEO if mode == "video" else vision.RunningMode.IMAGE
        options = vision.FaceLandmarkerOptions(
            # The file is handed over as bytes: MediaPipe cannot open paths with non-ASCII letters on Windows.
            base_options=BaseOptions(model_asset_buffer=MODEL_FILE.read_bytes()),
            running_mode=running,
            num_faces=max_faces,
        )
        with quiet_native_stderr():
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
        self._video = mode == "video"
        self._last_ms = -1

    def detect(self, pixels: Frame, timestamp: float = 0.0) -> list[Landmarks]:
        """Landmarks of every face found, `(478, 3)` float32 in pixels each.

        Args:
            pixels: `(H, W, 3)` uint8 RGB.
            timestamp: seconds; video mode needs it to grow, and nudges it forward where it does not.
        """
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        if self._video:
            self._last_ms = max(self._last_ms + 1, round(timestamp * 1000))
            result = self._landmarker.detect_for_video(image, self._last_ms)
        else:
            result = self._landmarker.detect(image)
        height, width = pixels.shape[:2]
        # MediaPipe normalises z by the image's width.
        scale = np.array([width, height, width], np.float32)
        return [
            np.array([(p.x, p.y, p.z) for p in face], np.float32) * scale for face in result.face_landmarks
        ]

    def close(self) -> None:
        """Free the native graph; idempotent."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            landmarker.close()

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def face_box(landmarks: Landmarks) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a face's landmarks, in pixels."""
    left, top = landmarks[:, :2].min(axis=0)
    right, bottom = landmarks[:, :2].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def source_face(source: SourceImage) -> tuple[Landmarks, tuple[str, ...]]:
    """The largest face of a source picture, or the one that was marked by hand, and sentences worth showing the user.

    Raises:
        NoFaceError: no face, or one narrower than `MIN_FACE_WIDTH`.
    """
    if source.landmarks is not None:
        faces = [source.landmarks]
    else:
        with FaceLandmarker(mode="image") as landmarker:
            faces = landmarker.detect(source.pixels) or _look_closer(landmarker, source.pixels)
    if not faces:
        raise NoFaceError(
            f"{source.name}: no face found. Choose a picture where one face looks towards the camera and "
            "fills at least a tenth of the width; or mark the face of a cartoon, statue or animal by hand: "
            f"fomm-live annotate {source.name}"
        )
    largest = max(faces, key=_box_width)
    if _box_width(largest) < MIN_FACE_WIDTH:
        raise NoFaceError(
            f"{source.name}: the face is only {_box_width(largest):.0f} pixels wide, and at least "
            f"{MIN_FACE_WIDTH} are needed. Crop the picture closer, or take a larger one."
        )
    if len(faces) > 1:
        return largest, (f"{source.name}: {len(faces)} faces found, the largest one is animated.",)
    return largest, ()


def _look_closer(landmarker: FaceLandmarker, pixels: Frame) -> list[Landmarks]:
    """Faces too small for MediaPipe's detector, which wants a tenth of the picture's width.

    Parts of the picture are searched: squares of half the longer side, then of a quarter, that overlap.
    """
    height, width = pixels.shape[:2]
    for parts in (2, 4):
        side = max(height, width) // parts
        if side < _SMALLEST_PART:
            break
        found: list[Landmarks] = []
        for top in range(0, max(1, height - side // 2), side // 2):
            for left in range(0, max(1, width - side // 2), side // 2):
                for face in _detect_in(landmarker, pixels, (left, top, left + side, top + side)):
                    # Once more with the face in the middle: a square's border may have cut it.
                    (x, y), reach = _centre(face), 2 * _box_width(face)
                    box = (int(x - reach), int(y - reach), int(x + reach), int(y + reach))
                    again = _detect_in(landmarker, pixels, box)
                    found += [face for face in again if not any(_same(face, other) for other in found)]
        if found:
            return found
    return []


def _detect_in(landmarker: FaceLandmarker, pixels: Frame, box: tuple[int, int, int, int]) -> list[Landmarks]:
    """Faces in one part of a picture, in pixels of the whole."""
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), box[2], box[3]
    offset = np.array([left, top, 0], np.float32)
    return [face + offset for face in landmarker.detect(pixels[top:bottom, left:right])]


def _same(face: Landmarks, other: Landmarks) -> bool:
    return float(np.linalg.norm(_centre(face) - _centre(other))) < _box_width(other) / 2


class FaceFollower:
    """Chooses one face among those found, and stays with it: several faces never swap mid-session.

    The first choice is the largest box; after that, the face nearest to the last one, as long as it is within
    one face width of it. Where none is near, the driver has left the picture: nothing is returned until
    `reset` or until a face comes back near the last place; after `patience` frames the largest face is taken
    afresh.
    """

    def __init__(self, *, patience: int = 60) -> None:
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Forget the face followed so far."""
        self._last: Landmarks | None = None
        self._missed = 0

    def choose(self, faces: list[Landmarks]) -> Landmarks | None:
        """The driver's face among `faces`, or None."""
        if self._last is None:
            best = max(faces, key=_box_area, default=None)
        else:
            centre, width = _centre(self._last), _box_width(self._last)
            near = [face for face in faces if np.linalg.norm(_centre(face) - centre) <= width]
            best = min(near, key=lambda face: float(np.linalg.norm(_centre(face) - centre)), default=None)
        if best is None:
            self._missed += 1
            if self._missed > self._patience:
                self.reset()
        else:
            self._last, self._missed = best, 0
        return best


def _box_area(landmarks: Landmarks) -> float:
    left, top, right, bottom = face_box(landmarks)
    return (right - left) * (bottom - top)


def _box_width(landmarks: Landmarks) -> float:
    left, _, right, _ = face_box(landmarks)
    return right - left


def _centre(landmarks: Landmarks) -> Any:
    return landmarks[:, :2].mean(axis=0)


@contextlib.contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Silence what native libraries print to file descriptor 2 while they start (TensorFlow Lite, OpenCV).

    Python's own messages go through `sys.stderr` and are flushed first, so none of ours is lost. Several
    threads may be inside at once; what others print meanwhile is lost.
    """
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()


class _Silence:
    """File descriptor 2 led nowhere from the first to enter until the last has left, whatever their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved: tuple[int, int] | None = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            # There may be no stderr at all, as in a program without a console.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                fd = sys.__stderr__.fileno() if sys.__stderr__ is not None else 2
                sys.stderr.flush()
                self._saved = fd, os.dup(fd)
                with open(os.devnull, "wb") as null:  # noqa: PTH123 - os.devnull is no Path
                    os.dup2(null.fileno(), fd)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._saved is not None:
                (fd, copy), self._saved = self._saved, None
                os.dup2(copy, fd)
                os.close(copy)


_silence = _Silence()
