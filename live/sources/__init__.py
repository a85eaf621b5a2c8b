"""Sources: where driving frames come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fomm import resources
from fomm.errors import CameraError, VideoError
from live.sources.base import Notify, VideoSource

DEMO = "demo"


@dataclass(frozen=True)
class SourceOptions:
    """How a source is opened. Each kind takes what concerns it.

    Attributes:
        rate: frames per second asked of a webcam, and at which a folder's pictures are shown.
        paced: play recordings in real time; False waits for the reader and drops nothing.
        loop: play recordings again and again.
        rotate: degrees, clockwise, that make a webcam's picture upright: 0, 90, 180, 270.
        notify: takes a sentence about what happened.
    """

    rate: float = 30.0
    paced: bool = True
    loop: bool = False
    rotate: int = 0
    notify: Notify = lambda _: None


def _webcam(wanted: str | None, options: SourceOptions) -> VideoSource:
    from live.sources.webcam import Webcam

    number = (wanted or "").removeprefix("/dev/video")
    camera = int(number) if number.isdecimal() else wanted
    return Webcam(camera, rate=options.rate, rotate=options.rotate, notify=options.notify)


def _file(wanted: str | None, options: SourceOptions) -> VideoSource:
    from live.sources.recorded import VideoFile

    assert wanted is not None
    return VideoFile(wanted, paced=options.paced, loop=options.loop)


def _folder(wanted: str | None, options: SourceOptions) -> VideoSource:
    from live.sources.recorded import ImageFolder

    assert wanted is not None
    return ImageFolder(
        wanted, rate=options.rate, paced=options.paced, loop=options.loop, notify=options.notify
    )


def _demo(_wanted: str | None, options: SourceOptions) -> VideoSource:
    return _file(str(demo_clip()), options)


#: kind → factory; each takes what `--camera` says and the options.
SOURCES: dict[str, Callable[[str | None, SourceOptions], VideoSource]] = {
    "webcam": _webcam,
    "file": _file,
    "folder": _folder,
    DEMO: _demo,
}


def open_source(wanted: str | None, options: SourceOptions) -> VideoSource:
    """Open what `--camera` names: a webcam's index or name, a video, a folder of pictures, "demo".

    Raises:
        CameraError: no such camera, or it is busy.
        VideoError: no such video, or it cannot be read.
    """
    return SOURCES[kind_of(wanted)](wanted, options)


def kind_of(wanted: str | None) -> str:
    """Which of `SOURCES` serves it. An existing file or folder wins over a camera of that name."""
    if wanted is None or wanted.isdecimal():
        return "webcam"
    if wanted == "":
        raise CameraError('--camera "" names nothing; give an index, a name, a video, or leave it out')
    if wanted == DEMO:
        return DEMO
    path = Path(wanted)
    if wanted.startswith("/dev/video"):
        return "webcam"
    if path.is_dir():
        return "folder"
    return "file" if path.exists() or _looks_like_path(wanted) else "webcam"


def _looks_like_path(wanted: str) -> bool:
    suffix = Path(wanted).suffix[1:]
    return "/" in wanted or "\\" in wanted or (suffix.isalnum() and not suffix.isdecimal())


def demo_clip() -> Path:
    """The bundled driving clip.

    Raises:
        VideoError: the installation is incomplete.
    """
    clip = resources.CLIPS / "talking_head.mp4"
    if not clip.is_file():
        raise VideoError(f"{clip}: the bundled clip is missing; install fomm-live again")
    return clip


__all__ = ["DEMO", "SOURCES", "SourceOptions", "VideoSource", "demo_clip", "kind_of", "open_source"]
