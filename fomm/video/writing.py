"""Writing videos: H.264 in MP4, VP9 in WebM."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import VideoError
from fomm.video.local import local
from fomm.video.sound import AnySound, Track

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

#: What `VideoWriter` can write.
EXTENSIONS = (".mp4", ".m4v", ".mov", ".webm")

#: Ticks per second that an MP4's timestamps have at least, and at most. WebM always has a thousand.
_MIN_TIMESCALE, _MAX_TIMESCALE = 90_000, 1_000_000

#: A key frame comes at least this often, in seconds.
_KEY_EVERY_S = 1.0


class VideoWriter:
    """Writes H.264 in an MP4, or VP9 in a WebM.

    Unless told otherwise, an MP4 plays at any moment, even after the power went: the file grows in fragments of
    about a second, each complete in itself; `close` turns it into an ordinary MP4. A file to which no frame was
    written is removed.

    Args:
        path: ends in one of `EXTENSIONS`.
        size: `(width, height)` of the frames. Odd sides are padded by one pixel, which repeats the edge:
            4:2:0 has no odd sizes.
        rate: frames per second; what frames without a timestamp are spaced by. 30 where not told.
        time_base: what timestamps are multiples of, so that they are kept to the tick. A WebM rounds them to
            milliseconds.
        crf: H.264 quality, smaller is better; 16 is visually lossless. VP9 gets the same point on its scale.
        preset: x264's trade of speed against file size.
        sound: sound to go with the picture, as long as it lasts. A file's sound needs `fragmented=False` in an
            MP4, see `AnySound`.
        fragmented: False writes an ordinary MP4 with its index in front, as web players like it.
        overwrite: replace an existing file instead of refusing.

    Attributes:
        frames_written: how many so far.
        silenced: why the sound could not be carried over; None where it was, or where there is none.

    Raises:
        VideoError: an unknown extension, an existing file, or a place that cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        size: tuple[int, int],
        rate: Fraction | float | None = None,
        time_base: Fraction | None = None,
        crf: int = 16,
        preset: str = "veryfast",
        sound: AnySound | None = None,
        fragmented: bool = True,
        overwrite: bool = False,
    ) -> None:
        import av

        self.path = Path(path)
        check_output(self.path, overwrite=overwrite)
        self.size = size
        self.frames_written = 0
        self.silenced: str | None = None
        self._rate = Fraction(rate or 30).limit_denominator(1001)
        self._last_pts = -1
        self._failed = False
        self._fragmented = fragmented and self.path.suffix.lower() != ".webm"
        self._last_key = -_KEY_EVERY_S
        self._sound: Track | None = None
        webm = self.path.suffix.lower() == ".webm"
        if sound is not None and fragmented and not webm and not sound.fragmentable:
            raise ValueError("an MP4 with this sound cannot be fragmented")
        flags = {} if webm else {"movflags": "hybrid_fragmented" if fragmented else "faststart"}
        if self._fragmented:  # what a fragment holds is in the file, rather than in a buffer
            flags["flush_packets"] = "1"
        try:
            self._container = av.open(
                local(self.path), "w", format="webm" if webm else "mp4", container_options=flags
            )
        except (av.FFmpegError, OSError) as error:
            raise cannot_write(self.path, error) from None
        try:
            add = _add_vp9 if webm else _add_h264
            self._stream = add(self._container, self._rate, time_base, crf, preset)
            self._stream.width, self._stream.height = (side + side % 2 for side in self.size)
            self._stream.pix_fmt = "yuv420p"
            _tag_bt709(self._stream.codec_context)
            if sound is not None:
                self._sound = self._open_sound(sound)
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            self._failed = True
            self.close()
            raise cannot_write(self.path, error) from None

    def _open_sound(self, sound: AnySound) -> Track | None:
        import av

        try:
            return sound.open(self._container, self.path.suffix)
        except (av.FFmpegError, OSError, ValueError) as error:
            self.silenced = str(getattr(error, "strerror", None) or error)
            return None

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

        check_frame(pixels, self.size)
        width, height = self.size
        if width % 2 or height % 2:
            pixels = np.asarray(
                cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8
            )
        time_base = self._stream.codec_context.time_base
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
            # However few frames a second there are, a fragment is about a second long.
            if self._fragmented and float(pts * time_base) - self._last_key >= _KEY_EVERY_S:
                frame.pict_type, self._last_key = av.video.frame.PictureType.I, float(pts * time_base)
            self._container.mux(self._stream.encode(frame))
            if self._sound is not None:
                self._sound.advance(float(pts * time_base))
        except (av.FFmpegError, OSError) as error:
            self._failed = True
            raise cannot_write(self.path, error) from None
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
                    if self._sound is not None:
                        last = float(self._last_pts * self._stream.codec_context.time_base)
                        self._sound.advance(last + float(1 / self._rate), last=True)
                    container.mux(self._stream.encode(None))
            finally:
                if self._sound is not None:
                    self._sound.close()
                container.close()
        except (av.FFmpegError, OSError) as error:
            if not self._failed:
                raise cannot_write(self.path, error) from None
        finally:
            if empty:
                self.path.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_output(
    path: Path,
    *,
    overwrite: bool,
    extensions: tuple[str, ...] = EXTENSIONS,
    inputs: Iterable[Path | str] = (),
) -> None:
    """Refuse the path of a file to write before any work is done for it.

    Args:
        path: the file.
        overwrite: whether it may replace one.
        extensions: the endings it may have.
        inputs: what is read to make it, which it never replaces.

    Raises:
        VideoError: an unknown extension, a missing folder, one of the inputs, or a file that exists and may not be
            replaced.
    """
    if path.suffix.lower() not in extensions:
        known = ", ".join(extensions)
        raise VideoError(f"{path}: videos are written as {known}; give the output one of these endings")
    try:
        folder, parent, exists = path.is_dir(), path.parent.is_dir(), path.exists()
    except OSError as error:  # e.g. a name that is too long
        raise cannot_write(path, error) from None
    if folder:
        raise VideoError(f"{path} is a folder; name a file inside it")
    if not parent:
        raise VideoError(f"{path}: the folder {path.parent} does not exist; create it first")
    if any(_same_file(path, read) for read in inputs):
        raise VideoError(f"{path} is itself what is animated from; give the output another name")
    if exists and not overwrite:
        raise VideoError(f"{path} already exists; add --overwrite to replace it, or choose another name")


def _same_file(one: Path, other: Path | str) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return False


def check_frame(pixels: Frame, size: tuple[int, int]) -> None:
    """Hold a frame to what every writer takes.

    Raises:
        ValueError: it is not `(H, W, 3)` uint8 of this `(width, height)`.
    """
    width, height = size
    if pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"expected a ({height}, {width}, 3) uint8 frame, got {pixels.shape} {pixels.dtype}")


def _add_h264(
    container: OutputContainer, rate: Fraction, time_base: Fraction | None, crf: int, preset: str
) -> av.VideoStream:
    ticks = time_base.denominator if time_base is not None else 0
    if not rate.numerator <= ticks <= _MAX_TIMESCALE:
        # One tick divides the frame interval, so that frames at `rate` fall on exact times.
        ticks = rate.numerator * math.ceil(_MIN_TIMESCALE / rate.numerator)
    stream = container.add_stream("libx264", rate=rate)
    codec = stream.codec_context
    stream.time_base = codec.time_base = Fraction(1, ticks)
    # A fragment begins at each key frame: at most a second is lost in a crash. Where frames come at the rate, x264
    # chooses them.
    codec.gop_size = max(1, round(rate))
    # Without B-frames no frame waits for a later one, and the first is shown at exactly 0.
    codec.max_b_frames = 0
    codec.options = {"crf": str(crf), "preset": preset}
    return stream


def _add_vp9(
    container: OutputContainer,
    rate: Fraction,
    time_base: Fraction | None,  # noqa: ARG001 - a WebM knows only milliseconds
    crf: int,
    preset: str,  # noqa: ARG001 - x264's
) -> av.VideoStream:
    stream = container.add_stream("libvpx-vp9", rate=rate)
    codec = stream.codec_context
    stream.time_base = codec.time_base = Fraction(1, 1000)
    codec.gop_size = max(1, round(2 * rate))
    # Without a bit rate the quality alone decides; VP9's scale ends at 63 where H.264's ends at 51.
    codec.bit_rate = 0
    # "realtime" is six times as fast as "good", for files a sixth larger.
    codec.options = {
        "crf": str(round(crf * 63 / 51)),
        "deadline": "realtime",
        "cpu-used": "5",
        "row-mt": "1",
        "lag-in-frames": "0",
    }
    return stream


def cannot_write(path: Path, error: Exception) -> VideoError:
    """What to raise where the system or FFmpeg refuses to write."""
    reason = getattr(error, "strerror", None) or error
    return VideoError(f"{path} cannot be written ({reason}); check the disk or choose another place")


def _tag_bt709(target: Any) -> None:
    """Say what the conversion to YUV did: BT.709, limited range."""
    target.colorspace = target.color_primaries = target.color_trc = 1
    target.color_range = 1
