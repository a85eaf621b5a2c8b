"""Where results go: one name or many, and nothing half-written under any of them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from fomm.animators import Frame
from fomm.errors import ConfigError, VideoError
from fomm.video import (
    EXTENSIONS,
    NUMBER,
    FrameFolder,
    GifWriter,
    Sound,
    VideoReader,
    VideoWriter,
    check_output,
)

#: What results are written as, besides folders of pictures.
FORMATS = (*EXTENSIONS, ".gif")

#: H.264 quality of results: they are made once and looked at often.
CRF = 12

#: In an output's name, what stands for the name of the clip.
CLIP = "{clip}"

#: What is taken for a clip in a folder of clips.
_CLIPS = (*FORMATS, ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv")

_FRAME = "%05d.png"


class Writer(Protocol):
    """What frames are written with."""

    frames_written: int

    def write(self, pixels: Frame, timestamp: float | None = None) -> None:
        """Append one frame at its time."""
        ...


@dataclass(frozen=True)
class Output:
    """Where one result goes.

    Attributes:
        path: the file, or the folder of pictures.
        pattern: how pictures in the folder are named; None for a file.
        new_folder: whether the file's folder is created where it is missing.
    """

    path: Path
    pattern: str | None = None
    new_folder: bool = False

    @property
    def is_video(self) -> bool:
        """Whether it is for video players, neither a GIF nor pictures."""
        return self.pattern is None and self.path.suffix.lower() in EXTENSIONS

    @staticmethod
    def parse(name: Path | str) -> Output:
        """What a name means: a file by its ending; `DIR/`, an existing folder or `DIR/%05d.png` for pictures.

        Raises:
            VideoError: the name has none of these forms.
        """
        path, text = Path(name), str(name)
        if path.suffix.lower() == ".png":
            if not NUMBER.search(path.name):
                raise VideoError(f"{path}: pictures need a number in their name, such as {_FRAME}")
            return Output(path.parent, path.name)
        if text.endswith(("/", os.sep)) or (path.is_dir() and path.suffix.lower() not in FORMATS):
            return Output(path, _FRAME)
        return Output(path)

    def check(self, *, overwrite: bool, inputs: Iterable[Path | str] = ()) -> None:
        """Refuse the output before any work is done for it.

        Args:
            overwrite: whether it may replace what is there.
            inputs: what is read to make it, which it never replaces.

        Raises:
            VideoError: a form that cannot be written, or something is there that may not be replaced.
        """
        if self.pattern is None:
            if not self.new_folder or self.path.parent.is_dir():
                check_output(self.path, overwrite=overwrite, extensions=FORMATS, inputs=inputs)
            return
        try:
            exists = self.path.exists()
            taken = self.path.is_dir() and any(self.path.iterdir())
        except OSError as error:
            raise VideoError(
                f"{self.path} cannot be written ({error.strerror}); choose another place"
            ) from None
        if exists and not self.path.is_dir():
            raise VideoError(f"{self.path} is a file, not a folder for pictures; choose another name")
        if taken and not overwrite:
            raise VideoError(
                f"{self.path} is not empty; add --overwrite to replace its pictures, or choose another folder"
            )

    @contextlib.contextmanager
    def writer(self, size: tuple[int, int], clip: VideoReader, *, sound: Sound | None) -> Iterator[Writer]:
        """A writer whose result appears under its name when all is well, and not at all otherwise.

        Raises:
            VideoError: the result cannot be written.
        """
        # No more than a beginning of the name: with what is added it could be too long.
        unfinished = self.path.with_name(f".{self.path.stem[:32]}.{os.getpid()}.part{self.path.suffix}")
        try:
            if self.new_folder:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._open(unfinished, size, clip, sound) as writer:
                yield writer
            self._publish(unfinished)
        except VideoError as error:
            raise VideoError(str(error).replace(str(unfinished), str(self.path))) from error
        finally:
            if self.pattern is not None:
                shutil.rmtree(unfinished, ignore_errors=True)
            else:
                unfinished.unlink(missing_ok=True)

    def _open(
        self, path: Path, size: tuple[int, int], clip: VideoReader, sound: Sound | None
    ) -> VideoWriter | GifWriter | FrameFolder:
        rate: Fraction = clip.rate
        if self.pattern is not None:
            return FrameFolder(path, size=size, rate=rate, pattern=self.pattern)
        if path.suffix.lower() == ".gif":
            return GifWriter(path, size=size, rate=rate)
        return VideoWriter(
            path, size=size, rate=rate, time_base=clip.time_base, crf=CRF, sound=sound, fragmented=False
        )

    def _publish(self, unfinished: Path) -> None:
        try:
            if self.pattern is None:
                unfinished.replace(self.path)
            else:
                _replace_pictures(unfinished, self.path, self.pattern)
        except OSError as error:
            raise VideoError(
                f"{self.path} cannot be replaced ({error.strerror}); choose another name"
            ) from None


def _replace_pictures(made: Path, folder: Path, pattern: str) -> None:
    """Move pictures into their folder. Those of an earlier, longer result go; whatever else is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    before, after = NUMBER.split(pattern, maxsplit=1)
    ours = re.compile(rf"{re.escape(before)}\d+{re.escape(after)}")
    for path in folder.iterdir():
        if ours.fullmatch(path.name):
            path.unlink()
    for path in sorted(made.iterdir()):
        path.replace(folder / path.name)


def clips_in(names: Sequence[Path | str]) -> list[Path]:
    """The clips that these names mean: files, and the clips in folders, in the order of their names.

    Raises:
        VideoError: a folder without a clip.
    """
    found: list[Path] = []
    for name in map(Path, names):
        if not name.is_dir():
            found.append(name)
            continue
        inside = sorted(
            path for path in name.iterdir() if path.suffix.lower() in _CLIPS and not path.name.startswith(".")
        )
        if not inside:
            raise VideoError(f"{name} is a folder without a video; name a video, or a folder of videos")
        found += inside
    return found


def outputs_for(clips: Sequence[Path], name: Path | str, *, several: bool) -> list[Output]:
    """Where the result of each clip goes.

    Args:
        clips: the driving clips.
        name: an output with `{clip}` in it; a folder, which gets an MP4 for each clip; or one output for one clip.
        several: whether more than one clip may have been meant, so that a plain name will not do.

    Raises:
        ConfigError: two results would get the same name, or several clips only one.
        VideoError: see `Output.parse`.
    """
    text = str(name)
    if CLIP not in text:
        if not several:
            return [Output.parse(name)]
        if Output.parse(name).pattern != _FRAME or Path(text).suffix.lower() == ".png":
            raise ConfigError(
                f"{text} is one name for several clips; give a folder ending in /, or a name with {CLIP} in it "
                f"such as results/{CLIP}.mp4"
            )
        outputs = [Output(Path(text) / f"{clip.stem}.mp4", new_folder=True) for clip in clips]
    else:
        outputs = [Output.parse(text.replace(CLIP, clip.stem)) for clip in clips]
    seen: dict[Output, Path] = {}
    for clip, output in zip(clips, outputs, strict=True):
        if output in seen:
            raise ConfigError(
                f"{seen[output]} and {clip} would both become {output.path}; rename one of them"
            )
        seen[output] = clip
    return outputs
