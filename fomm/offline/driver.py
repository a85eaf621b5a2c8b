"""The driving clip: its frames, the face that is followed in them, and what one look ahead tells of it."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeAlias

import numpy as np

from fomm.animators import DrivingFrame, Frame, Landmarks, SourceImage
from fomm.best_frame import pose_distance
from fomm.crops import FacePath, Square
from fomm.errors import NoFaceError, VideoError
from fomm.face_points import FaceAlignmentPoints, MediaPipePoints, PointDetector, Points
from fomm.faces import FaceFollower, FaceLandmarker
from fomm.prefetch import prefetch
from fomm.video import VideoReader

#: Which driving frame counts as "no motion": the first one with a face, the one most like the picture, or the one of
#: this index.
Neutral: TypeAlias = Literal["first", "best"] | int

#: Called with what is being done, how many frames are done, and how many there are, None where that is unknown.
Progress: TypeAlias = Callable[[str, int, int | None], None]

TimedFrame: TypeAlias = tuple[DrivingFrame, float]

#: A crop that holds the face wherever it goes shows it this much smaller than models want: worth a word.
_FAR_ABOUT = 2.0


class FaceTrack:
    """The face in every frame of a clip, kept in a temporary file: about 10 MB for a minute."""

    _SHAPE = (478, 3)
    _BYTES = 4 * 478 * 3

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._count = 0

    def append(self, landmarks: Landmarks | None) -> None:
        """Add the next frame's."""
        record = np.full(self._SHAPE, np.nan, np.float32) if landmarks is None else landmarks
        self._file.seek(self._count * self._BYTES)
        self._file.write(np.ascontiguousarray(record, np.float32).tobytes())
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Landmarks | None:
        if not 0 <= index < self._count:
            raise IndexError(index)
        self._file.seek(index * self._BYTES)
        record = np.frombuffer(self._file.read(self._BYTES), np.float32).reshape(self._SHAPE)
        return None if np.isnan(record[0, 0]) else record.copy()

    def close(self) -> None:
        """Delete the file; idempotent."""
        self._file.close()


class SourcePose:
    """The pose of the picture's face, which driving frames are compared with.

    Where MediaPipe finds no face in it, as in some paintings, face-alignment looks at the picture and the frames.

    Raises:
        NoFaceError: no face is found.
    """

    def __init__(self, source: SourceImage) -> None:
        self._detector: PointDetector = MediaPipePoints()
        points = self._detector.detect(source.pixels) if source.landmarks is None else source.landmarks[:, :2]
        if points is None:
            from fomm import face_alignment

            if face_alignment.obstacle() is None:
                self._detector.close()
                self._detector = FaceAlignmentPoints()
                points = self._detector.detect(source.pixels)
        if points is None:
            self._detector.close()
            raise NoFaceError(
                f"{source.name}: no face found to compare the driving frames with; choose the neutral frame by its "
                "number instead"
            )
        self._points = points

    def distance(self, frame: DrivingFrame) -> float:
        """How unlike the picture's pose a driving frame's is; infinite without a face."""
        points: Points | None
        if isinstance(self._detector, MediaPipePoints):
            points = None if frame.landmarks is None else frame.landmarks[:, :2]
        else:
            points = self._detector.detect(frame.pixels)
        return math.inf if points is None else pose_distance(self._points, points)

    def close(self) -> None:
        """Free the detector; idempotent."""
        self._detector.close()


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass over a clip, ahead of the animation, tells.

    Attributes:
        faces: the face in every frame, in pixels of the frame.
        square: holds the face wherever it goes.
        best: the index of the frame most like the source, and the frame; None where that was not asked for.
        notices: sentences worth showing the user.
    """

    faces: FaceTrack
    square: Square
    best: tuple[int, DrivingFrame] | None
    notices: tuple[str, ...]

    def __enter__(self) -> Survey:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faces.close()


def survey(path: Path, pose: SourcePose | None = None, progress: Progress | None = None) -> Survey:
    """Look at a clip once from beginning to end.

    Args:
        path: the clip.
        pose: what to search the best frame by.
        progress: called after each frame.

    Raises:
        VideoError: the clip cannot be read.
        NoFaceError: no face in any frame.
    """
    faces, where = FaceTrack(), FacePath()
    best: tuple[int, DrivingFrame] | None = None
    least = math.inf
    try:
        with VideoReader(path) as reader, closing(prefetch(tracked(reader))) as frames:
            for index, (frame, _) in enumerate(frames):
                faces.append(frame.landmarks)
                if frame.landmarks is not None:
                    where.add(frame.landmarks)
                distance = math.inf if pose is None else pose.distance(frame)
                if distance < least:
                    best, least = (index, frame), distance
                if progress is not None:
                    progress("looking ahead", index + 1, reader.frame_count)
            width, height = reader.size
        if not where.seen or (pose is not None and best is None):
            raise no_face(path)
    except BaseException:
        faces.close()
        raise
    square = Square.around_path(where, (height, width))
    usual = Square.around_box((0, 0, where.face, where.face), (height, width)).side
    notices = []
    if square.side > _FAR_ABOUT * usual:
        notices.append(
            f"{path.name}: the face goes far about, so it is small in the crop that holds all of it; shorter clips "
            "give sharper motion."
        )
    return Survey(faces, square, best, tuple(notices))


def tracked(frames: Iterable[tuple[Frame, float]]) -> Generator[TimedFrame]:
    """The frames with the landmarks of the face that is followed; decoding runs ahead in a thread."""
    follower = FaceFollower()
    with FaceLandmarker(mode="video") as landmarker, closing(prefetch(frames)) as decoded:
        for pixels, timestamp in decoded:
            yield DrivingFrame(pixels, follower.choose(landmarker.detect(pixels, timestamp))), timestamp


def untracked(frames: Iterable[tuple[Frame, float]]) -> Iterator[TimedFrame]:
    """The frames, for models that need no face."""
    return ((DrivingFrame(pixels, None), timestamp) for pixels, timestamp in frames)


def known(frames: Iterable[tuple[Frame, float]], faces: FaceTrack) -> Iterator[TimedFrame]:
    """The frames with the landmarks that were found before."""
    for index, (pixels, timestamp) in enumerate(frames):
        yield DrivingFrame(pixels, faces[index] if index < len(faces) else None), timestamp


def cropped(frames: Iterable[TimedFrame], square: Square) -> Iterator[TimedFrame]:
    """A square of every frame."""
    return ((crop(frame, square), timestamp) for frame, timestamp in frames)


def crop(frame: DrivingFrame, square: Square) -> DrivingFrame:
    """A square of a frame, in the frame's own pixels."""
    size = (square.side, square.side)
    landmarks = None if frame.landmarks is None else square.map(frame.landmarks, size)
    return DrivingFrame(square.take(frame.pixels), landmarks)


def frame_at(path: Path, index: int, *, needs_face: bool) -> DrivingFrame:
    """The driving frame of this index, with the landmarks of its largest face.

    Raises:
        VideoError: the clip is shorter.
        NoFaceError: a face is needed and there is none.
    """
    with VideoReader(path) as reader:
        pixels = next((pixels for pixels, _ in itertools.islice(reader, index, None)), None)
    if pixels is None:
        raise VideoError(f"{path} has no frame {index}; choose a smaller neutral frame (they count from 0)")
    if not needs_face:
        return DrivingFrame(pixels, None)
    with FaceLandmarker(mode="image") as landmarker:
        face = FaceFollower().choose(landmarker.detect(pixels))
    if face is None:
        raise NoFaceError(f"{path}: no face in frame {index}; choose another neutral frame")
    return DrivingFrame(pixels, face)


def no_face(path: Path) -> NoFaceError:
    """What to raise for a clip without any face."""
    return NoFaceError(f"{path}: no face in any frame; use a video in which a face is seen")
