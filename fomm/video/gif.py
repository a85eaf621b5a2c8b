"""Writing animated GIFs."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fomm.animators.base import Frame
from fomm.video.local import local
from fomm.video.writing import cannot_write, check_frame, check_output

#: A GIF counts time in hundredths of a second, and players slow down what is shown for less than two.
_TICK, _SHORTEST = Fraction(1, 100), 2


class GifWriter:
    """Writes a GIF that repeats for ever, each frame with 255 colours of its own, dithered.

    Times are rounded to hundredths of a second. Frames that follow within less than two hundredths are left
    out, since players show GIFs at 50 frames a second at most.

    Args:
        path: ends in `.gif`.
        size: `(width, height)` of the frames.
        rate: frames per second; what frames without a timestamp are spaced by.
        overwrite: replace an existing file instead of refusing.

    Raises:
        VideoError: another extension, an existing file, or a place that cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        size: tuple[int, int],
        rate: Fraction | float | None = None,
        overwrite: bool = False,
    ) -> None:
        import av

        self.path = Path(path)
        check_output(self.path, overwrite=overwrite, extensions=(".gif",))
        self.size = size
        self.frames_written = 0
        self._rate = Fraction(rate or 30)
        self._last_pts = -_SHORTEST
        try:
            self._container = av.open(local(self.path), "w", format="gif", options={"loop": "0"})
        except (av.FFmpegError, OSError) as error:
            raise cannot_write(self.path, error) from None
        self._stream = self._container.add_stream("gif", rate=Fraction(100))
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "pal8"
        self._stream.time_base = self._stream.codec_context.time_base = _TICK
        # The filters do not keep the graph alive that they belong to.
        self._graph, self._into, self._out_of = _palette_graph(size)

    def write(self, pixels: Frame, timestamp: float | None = None) -> None:
        """Append one frame; see `VideoWriter.write`.

        Raises:
            VideoError: the file can no longer be written.
        """
        import av

        check_frame(pixels, self.size)
        time = self.frames_written / self._rate if timestamp is None else timestamp
        self.frames_written += 1
        pts = round(time / _TICK)
        if pts < self._last_pts + _SHORTEST:
            return
        self._last_pts = pts
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = pts, _TICK
        try:
            self._into.push(frame)
            for reduced in self._reduced():
                self._container.mux(self._stream.encode(reduced))
        except (av.FFmpegError, OSError) as error:
            raise cannot_write(self.path, error) from None

    def _reduced(self) -> Iterator[Any]:
        import av

        while True:
            try:
                yield self._out_of.pull()
            except (av.BlockingIOError, av.EOFError):
                return

    def close(self) -> None:
        """Finish the file; idempotent. One to which no frame was written is removed.

        Raises:
            VideoError: the end could not be written.
        """
        import av

        container: Any = self._container
        if container is None:
            return
        self._container = None  # type: ignore[assignment]
        try:
            self._into.push(None)
            for reduced in self._reduced():
                container.mux(self._stream.encode(reduced))
            container.mux(self._stream.encode(None))
            container.close()
        except (av.FFmpegError, OSError) as error:
            raise cannot_write(self.path, error) from None
        finally:
            if not self.frames_written:
                self.path.unlink(missing_ok=True)

    def __enter__(self) -> GifWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _palette_graph(size: tuple[int, int]) -> tuple[Any, Any, Any]:
    """Filters that give every frame the palette that suits it best: the graph, its entry and its exit."""
    import av

    graph = av.filter.Graph()
    width, height = size
    into = graph.add(
        "buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base={_TICK}:pixel_aspect=1/1"
    )
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    out_of = graph.add("buffersink")
    into.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(out_of)
    graph.configure()
    return graph, into, out_of
