"""Driving frames from a video file or a folder of pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fomm.animators.base import Frame
from fomm.errors import ImageError, VideoError
from fomm.images import load_image
from fomm.video import VideoReader
from live.sources.base import Notify, RecordedSource

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2"}
)


class VideoFile(RecordedSource):
    """A video file, paced by its own timestamps.

    Raises:
        VideoError: the file is missing, no video, or holds no frame.
    """

    def __init__(self, path: Path | str, *, paced: bool = True, loop: bool = False) -> None:
        self.path = Path(path)
        super().__init__(self.path.name, paced=paced, loop=loop)
        # Opened here, so that a bad file is refused before anything starts; further passes open it again.
        self._reader: VideoReader | None = VideoReader(self.path)
        self._rate = float(self._reader.rate)

    def _play(self) -> Iterator[tuple[Frame, float]]:
        reader, self._reader = self._reader or VideoReader(self.path), None
        with reader:
            yield from reader

    @property
    def _interval(self) -> float:
        return 1 / self._rate

    def close(self) -> None:
        """Stop playing and close the file; idempotent."""
        super().close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


class ImageFolder(RecordedSource):
    """The pictures of a folder in natural order (2 before 10), `rate` a second. Unreadable ones are skipped.

    Raises:
        VideoError: the folder holds no picture that can be read.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        rate: float = 30.0,
        paced: bool = True,
        loop: bool = False,
        notify: Notify = lambda _: None,
    ) -> None:
        folder = Path(folder)
        super().__init__(folder.name or str(folder), paced=paced, loop=loop)
        self._rate = rate
        self._notify = notify
        self._pictures = pictures_in(folder)
        if not any(_readable(picture) for picture in self._pictures):
            raise VideoError(
                f"{folder} holds no picture that can be read; name a folder of PNG or JPEG files"
            )

    def _play(self) -> Iterator[tuple[Frame, float]]:
        for place, picture in enumerate(self._pictures):
            try:
                yield load_image(picture).pixels, place / self._rate
            except ImageError as error:
                self._notify(f"skipped: {error}")

    @property
    def _interval(self) -> float:
        return 1 / self._rate


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by suffix, in natural order.

    Raises:
        VideoError: the folder cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
    except OSError as error:
        raise VideoError(f"{folder} cannot be opened ({error.strerror}); check its permissions") from None
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key: runs of digits compare as numbers."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _readable(picture: Path) -> bool:
    try:
        load_image(picture)
    except ImageError:
        return False
    return True
