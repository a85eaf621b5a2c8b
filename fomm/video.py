"""Reading driving videos and writing results: FFmpeg through PyAV.

PyAV keeps FFmpeg's own log to itself, so nothing here prints.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import VideoError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

#: What `VideoWriter` can write: the MP4 family, whose fragments survive a crash.
EXTENSIONS = (".mp4", ".m4v", ".mov")

#: Ticks per second that output timestamps have at least.
_MIN_TIMESCALE = 90_000


class VideoReader:
    """The frames of a video file (or an animated GIF) in order, upright, each with its own timestamp.

    Iterating yields `(pixels, timestamp)`: `(H, W, 3)` uint8 RGB, and seconds since the first frame, growing
    from frame to frame. One pass; open the file again for another. What cannot be decoded is skipped, and a
    truncated file ends where it is cut.

    Attributes:
        size: `(width, height)` of the frames: as displayed, that is after the rotation that phones record.
        rate: average frames per second.
        frame_count: how many frames the file claims to have; None where it does not say.

    Raises:
        VideoError: the file is missing, not a video, or holds no frame that can be decoded.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._container = _open_input(self.path)
        try:
            stream = self._container.streams.video[0]
            stream.thread_type = "AUTO"
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
        self.frame_count = stream.frames or None

    def __iter__(self) -> Iterator[tuple[Frame, float]]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def _decode(self, stream: av.VideoStream) -> Iterator[tuple[Frame, float]]:
        rate, time_base = _frame_rate(stream), stream.time_base or Fraction(1, _MIN_TIMESCALE)
        start: float | None = None
        previous = -math.inf
        for frame in _decodable_frames(self._container, stream):
            # Not `frame.time`: PyAV leaves it out of the frames that a decoder hands over last.
            time = float(frame.pts * time_base) if frame.pts is not None else 0.0
            if start is None:
                start = time
            time -= start
            if time <= previous:  # no timestamp, or a damaged one
                time = previous + float(1 / rate)
            previous = time
            yield _upright_rgb(frame), time

    def close(self) -> None:
        """Close the file; idempotent."""
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class VideoWriter:
    """Writes H.264 in an MP4 that plays at any moment, even after the power went.

    The file grows in fragments of about a second, each complete in itself; `close` turns it into an ordinary
    MP4. A file to which no frame was written is removed.

    Args:
        path: ends in one of `EXTENSIONS`.
        size: `(width, height)` of the frames. Odd sides are padded by one pixel, which repeats the edge:
            4:2:0 has no odd sizes.
        rate: frames per second; what frames without a timestamp are spaced by. 30 where not told.
        crf: H.264 quality, smaller is better; 16 is visually lossless.
        preset: x264's trade of speed against file size.
        overwrite: replace an existing file instead of refusing.

    Raises:
        VideoError: an unknown extension, an existing file, or a place that cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        size: tuple[int, int],
        rate: Fraction | float | None = None,
        crf: int = 16,
        preset: str = "veryfast",
        overwrite: bool = False,
    ) -> None:
        import av

        self.path = Path(path)
        check_output(self.path, overwrite=overwrite)
        self.size = size
        self.frames_written = 0
        self._rate = Fraction(rate or 30).limit_denominator(1001)
        self._last_pts = -1
        self._failed = False
        try:
            self._container = av.open(
                str(self.path), "w", format="mp4", container_options={"movflags": "hybrid_fragmented"}
            )
        except (av.FFmpegError, OSError) as error:
            raise _cannot_write(self.path, error) from None
        try:
            self._stream = self._add_stream(crf, preset)
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            self._failed = True
            self.close()
            raise _cannot_write(self.path, error) from None

    def _add_stream(self, crf: int, preset: str) -> av.VideoStream:
        # One tick divides the frame interval, so that frames at `rate` fall on exact times.
        timescale = self._rate.numerator * math.ceil(_MIN_TIMESCALE / self._rate.numerator)
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.width, stream.height = (side + side % 2 for side in self.size)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, timescale)
        codec = stream.codec_context
        codec.time_base = stream.time_base
        # A fragment begins at each key frame: at most a second is lost in a crash.
        codec.gop_size = max(1, round(self._rate))
        # Without B-frames no frame waits for a later one, and the first is shown at exactly 0.
        codec.max_b_frames = 0
        codec.options = {"crf": str(crf), "preset": preset}
        _tag_bt709(codec)
        return stream

    def write(self, pixels: Frame, timestamp: float | None = None) -> None:
        """Append one frame.

        Args:
            pixels: `(H, W, 3)` uint8 RGB of exactly `size`.
            timestamp: seconds since the start of the video; a time that does not grow is moved just past the
                last one. Left out, frame n is shown at n / rate.

        Raises:
            VideoError: the file can no longer be written, e.g. because the disk is full.
        """
        import av

        width, height = self.size
        if pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
            raise ValueError(
                f"expected a ({height}, {width}, 3) uint8 frame, got {pixels.shape} {pixels.dtype}"
            )
        if width % 2 or height % 2:
            pixels = np.asarray(
                cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8
            )
        time_base = self._stream.time_base
        assert time_base is not None
        time = self.frames_written / self._rate if timestamp is None else timestamp
        pts = max(round(time / time_base), self._last_pts + 1)
        try:
            # Most players come back to RGB through swscale's quick path, which rounds down: about a level is lost
            # in every channel. It is added here; a player that rounds exactly shows one level more.
            frame = av.VideoFrame.from_ndarray(np.minimum(pixels, 254) + np.uint8(1), format="rgb24")
            frame = frame.reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation="AREA"
            )
            _tag_bt709(frame)
            frame.pts, frame.time_base = pts, time_base
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self._failed = True
            raise _cannot_write(self.path, error) from None
        self._last_pts = pts
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file; idempotent.

        Raises:
            VideoError: the end could not be written, and no `write` said so before. What was written plays.
        """
        import av

        container: Any = self._container
        if container is None:
            return
        empty = self.frames_written == 0
        if empty and not self._failed:
            # FFmpeg 8 crashes when it finishes a hybrid file that has no packet. This one is removed below.
            with contextlib.suppress(VideoError):
                self.write(np.zeros((self.size[1], self.size[0], 3), np.uint8))
        self._container = None  # type: ignore[assignment]
        try:
            try:
                if self.frames_written and not self._failed:
                    container.mux(self._stream.encode(None))
            finally:
                container.close()
        except (av.FFmpegError, OSError) as error:
            if not self._failed:
                raise _cannot_write(self.path, error) from None
        finally:
            if empty:
                self.path.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a video path before any work is done for it.

    Raises:
        VideoError: an unknown extension, a missing folder, or a file that exists and may not be replaced.
    """
    if path.suffix.lower() not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise VideoError(f"{path}: videos are written as {known}; give the output one of these endings")
    try:
        folder, parent, exists = path.is_dir(), path.parent.is_dir(), path.exists()
    except OSError as error:  # e.g. a name that is too long
        raise _cannot_write(path, error) from None
    if folder:
        raise VideoError(f"{path} is a folder; name a file inside it")
    if not parent:
        raise VideoError(f"{path}: the folder {path.parent} does not exist; create it first")
    if exists and not overwrite:
        raise VideoError(f"{path} already exists; add --overwrite to replace it, or choose another name")


def _cannot_write(path: Path, error: Exception) -> VideoError:
    reason = getattr(error, "strerror", None) or error
    return VideoError(f"{path} cannot be written ({reason}); check the disk or choose another place")


def _open_input(path: Path) -> InputContainer:
    import av

    try:
        if path.is_dir():
            raise VideoError(f"{path} is a folder; name a video inside it")
        container = av.open(str(path))
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


def _upright_rgb(frame: av.VideoFrame) -> Frame:
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    # Where pixels go: x' = a x + c y, y' = b x + d y.
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    turned = abs(b) > abs(a)
    if turned:
        pixels = pixels.transpose(1, 0, 2)
    flip_x, flip_y = (c < 0, b < 0) if turned else (a < 0, d < 0)
    return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _frame_rate(stream: av.VideoStream) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate else Fraction(30)


def _tag_bt709(target: Any) -> None:
    """Say what the conversion to YUV did: BT.709, limited range."""
    target.colorspace = target.color_primaries = target.color_trc = 1
    target.color_range = 1
