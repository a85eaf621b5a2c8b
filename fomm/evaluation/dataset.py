"""Test clips as the reference implementation lays them out: videos, or folders of pictures, in one folder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from fomm.animators.base import Frame, SourceImage
from fomm.crops import Square
from fomm.errors import ImageError, VideoError
from fomm.faces import source_face
from fomm.images import load_image
from fomm.video import VideoReader

VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".gif")
PICTURES = (".png", ".jpg", ".jpeg")

#: What is evaluated of a frame: all of it; the square around the first frame's face; or ("auto") the face for
#: models of faces where the frames are not square, and else all.
Crop: TypeAlias = Literal["auto", "face", "none"]


@dataclass(frozen=True)
class Clip:
    """One test video: a file, or a folder of pictures in the order of the numbers in their names."""

    path: Path

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.path.name

    def frames(self) -> Generator[Frame]:
        """The frames, `(H, W, 3)` uint8 RGB, read one by one.

        Raises:
            VideoError, ImageError: the clip, or one of its pictures, cannot be read.
        """
        if self.path.is_dir():
            yield from self._pictures()
            return
        with VideoReader(self.path) as reader:
            for pixels, _ in reader:
                yield pixels

    def pictures(self) -> list[Path]:
        """The pictures of a folder, in order.

        Raises:
            VideoError: it holds none.
        """
        paths = sorted(_visible(self.path, PICTURES), key=_numbers)
        if not paths:
            raise VideoError(f"{self.path} holds no pictures ({', '.join(PICTURES)})")
        return paths

    def _pictures(self) -> Iterator[Frame]:
        shape: tuple[int, ...] | None = None
        for path in self.pictures():
            pixels = load_image(path).pixels
            shape = shape or pixels.shape
            if pixels.shape != shape:
                raise ImageError(
                    f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, not {shape[1]}x{shape[0]} as the first frame"
                )
            yield pixels


def find_clips(dataset: Path | str) -> list[Clip]:
    """The clips of a data set, in the order of their names.

    Args:
        dataset: a folder of videos and of folders of pictures; or one with such a folder called `test` inside, as
            the reference implementation's data sets have.

    Raises:
        VideoError: there is no such folder, or no clip in it.
    """
    dataset = Path(dataset)
    if dataset.is_file():
        raise VideoError(f"{dataset} is a file; name the folder that it is in")
    if not dataset.is_dir():
        raise VideoError(f"{dataset}: no such folder; name a folder of clips")
    folder = dataset / "test" if (dataset / "test").is_dir() else dataset
    paths = [
        path
        for path in folder.iterdir()
        if (path.is_dir() and not path.name.startswith(".")) or _is(path, VIDEOS)
    ]
    if not paths:
        advice = "name the folder above it" if _visible(folder, PICTURES) else "name another folder"
        raise VideoError(
            f"{folder} holds no clips, neither videos ({', '.join(VIDEOS)}) nor folders of pictures; {advice}"
        )
    return [Clip(path) for path in sorted(paths, key=_numbers)]


def prepared(
    frames: Iterable[Frame], *, size: tuple[int, int], crop: Crop, face_model: bool, name: str
) -> Iterator[Frame]:
    """Frames as a model is shown them: one region, placed by the first frame, at the model's size.

    What is taken whole and is not square gets its edges repeated, as `Square.around_all` does.

    Args:
        frames: `(H, W, 3)` uint8 RGB.
        size: `(width, height)` of the result.
        crop: see `Crop`.
        face_model: whether the model animates faces.
        name: what messages call the clip.

    Raises:
        NoFaceError: the region is to be placed around a face, and the first frame shows none.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return
    height, width = first.shape[:2]
    if crop == "face" or (crop == "auto" and face_model and height != width):
        landmarks, _ = source_face(SourceImage(first, f"{name}, first frame"))
        square = Square.around_face(landmarks, first.shape)
    else:
        square = Square.around_all(first.shape)
    for pixels in itertools.chain([first], frames):
        yield square.cut(pixels, size)


def _visible(folder: Path, extensions: tuple[str, ...]) -> list[Path]:
    return [path for path in folder.iterdir() if _is(path, extensions)]


def _is(path: Path, extensions: tuple[str, ...]) -> bool:
    return path.suffix.lower() in extensions and not path.name.startswith(".") and path.is_file()


def _numbers(path: Path) -> list[tuple[int, int, str]]:
    """A sorting key that puts frame 10 after frame 9."""
    parts = re.split(r"(\d+)", path.name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
