"""Writing the frames of a video as pictures."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TextIO

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import VideoError
from fomm.video.writing import cannot_write, check_frame

#: Beside the frames: when each is shown, in the format that mkvmerge and ffmpeg's friends read.
TIMESTAMPS = "timestamps.txt"

#: The number in the names of pictures, as printf writes it.
NUMBER = re.compile(r"%0?\d*d")


class FrameFolder:
    """Writes numbered PNGs into a folder, and their times into `timestamps.txt` beside them.

    Args:
        folder: where; it is created.
        size: `(width, height)` of the frames.
        rate: frames per second; what frames without a timestamp are spaced by.
        pattern: the files' name with a number in it, see `NUMBER`; they count from 0.

    Raises:
        VideoError: the folder cannot be created or written.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        size: tuple[int, int],
        rate: Fraction | float | None = None,
        pattern: str = "%05d.png",
    ) -> None:
        self.path = Path(folder)
        self.size = size
        self.frames_written = 0
        self._rate = Fraction(rate or 30)
        self._pattern = pattern
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._times: TextIO = (self.path / TIMESTAMPS).open("w", encoding="ascii")
            self._times.write("# timestamp format v2\n")
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def write(self, pixels: Frame, timestamp: float | None = None) -> None:
        """Write one frame; see `VideoWriter.write`. The time is kept in milliseconds, to the microsecond.

        Raises:
            VideoError: the disk is full, or the folder went away.
        """
        check_frame(pixels, self.size)
        time = float(self.frames_written / self._rate) if timestamp is None else timestamp
        path = self.path / NUMBER.sub(lambda number: number[0] % self.frames_written, self._pattern, count=1)
        encoded, data = cv2.imencode(".png", cv2.cvtColor(np.asarray(pixels), cv2.COLOR_RGB2BGR))
        if not encoded:
            raise VideoError(f"{path} cannot be encoded; choose a video format instead")
        try:
            path.write_bytes(data.tobytes())
            self._times.write(f"{time * 1000:.3f}\n")
        except OSError as error:
            raise cannot_write(path, error) from None
        self.frames_written += 1

    def close(self) -> None:
        """Finish; idempotent.

        Raises:
            VideoError: the times could not be written.
        """
        try:
            self._times.close()
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def __enter__(self) -> FrameFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
