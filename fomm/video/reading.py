"""Reading videos, whatever a phone, a camera or another program wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from fomm.animators.base import Frame
from fomm.errors import VideoError
from fomm.video.local import local
from fomm.video.sound import Sound

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

#: What a file that does not say is taken to count time in.
_TICK = Fraction(1, 90_000)


class VideoReader:
    """The frames of a video file (or an animated GIF) in order, upright, each with its own timestamp.

    Iterating yields `(pixels, timestamp)`: `(H, W, 3)` uint8 RGB, and seconds since the first frame, growing
    from frame to frame. One pass; open the file again for another. What cannot be decoded is skipped, and a
    truncated file ends where it is cut.

    Attributes:
        size: `(width, height)` of the frames: as displayed, that is after the rotation that phones record.
        rate: average frames per second.
        time_base: what the file's timestamps are multiples of, in seconds.
        frame_count: how many frames the file claims to have; None where it does not say.
        sound: the sound that goes with the picture; None where there is none.

    Raises:
        VideoError: the file is missing, not a video, or holds no frame that can be decoded.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._container = _open_input(self.path)
        try:
            stream = self._container.streams.video[0]
            stream.thread_type = "AUTO"
            self._start: Fraction | None = None
            self._frames = self._decode(stream)
            first = next(self._frames, None)
            if first is None:
                raise VideoError(f"{self.path} holds no frame that can be decoded; use another video")
        except BaseException:
            self.close()
            raise
        self._first: tuple[Frame, float] | None = first
        height, width = first[0].shape[:2]
        self.size = (width, height)
        self.rate = _frame_rate(stream)
        self.time_base = stream.time_base or _TICK
        self.frame_count = stream.frames or None
        self.sound = Sound(self.path, self._start or Fraction(0)) if self._container.streams.audio else None

    def __iter__(self) -> Iterator[tuple[Frame, float]]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def _decode(self, stream: av.VideoStream) -> Iterator[tuple[Frame, float]]:
        rate, time_base = _frame_rate(stream), stream.time_base or _TICK
        matrix: tuple[int, ...] | None = None
        previous = -math.inf
        for frame in _decodable_frames(self._container, stream):
            # Not `frame.time`: PyAV leaves it out of the frames that a decoder hands over last.
            shown = frame.pts * time_base if frame.pts is not None else Fraction(0)
            if self._start is None:
                self._start = shown
                matrix = _display_matrix(frame)
            time = float(shown - self._start)
            if time <= previous:  # no timestamp, or a damaged one
                time = previous + float(1 / rate)
            previous = time
            yield _upright_rgb(frame, matrix), time

    def close(self) -> None:
        """Close the file; idempotent."""
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_input(path: Path) -> InputContainer:
    import av

    try:
        if path.is_dir():
            raise VideoError(f"{path} is a folder; name a video inside it")
        if path.is_file() and not path.stat().st_size:
            raise VideoError(f"{path} is empty; use another file")
        container = av.open(local(path))
    except VideoError:
        raise
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the video's path") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{path} cannot be read as a video ({reason}); use another file") from None
    if not container.streams.video:
        container.close()
        raise VideoError(f"{path} has no video stream; use another file")
    return container


def _decodable_frames(container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded; damaged packets are skipped."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            break
        if packet.dts is None and packet.size == 0:
            break  # PyAV's flush packet: flushed below, where an error cannot lose frames
        try:
            yield from stream.decode(packet)
        except av.FFmpegError:
            continue
    try:
        yield from stream.decode(None)
    except av.FFmpegError:
        return


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """How a phone was held: where pixels go, x' = a x + c y, y' = b x + d y, as (a, b, c, d).

    Asked of one frame a file, and of a tiny copy of it: PyAV ties a frame to its side data in a cycle, which is freed
    only by chance, and with it the decoder's threads.
    """
    matrix: Any = frame.reformat(width=16, height=16).side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return a, b, c, d


def _upright_rgb(frame: av.VideoFrame, matrix: tuple[int, ...] | None) -> Frame:
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    if matrix is None:
        return pixels
    a, b, c, d = matrix
    turned = abs(b) > abs(a)
    if turned:
        pixels = pixels.transpose(1, 0, 2)
    flip_x, flip_y = (c < 0, b < 0) if turned else (a < 0, d < 0)
    return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _frame_rate(stream: av.VideoStream) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate else Fraction(30)
