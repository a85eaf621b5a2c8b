"""Where avatars are looked for: the user's folder, seeded with the bundled pictures, and whatever was named."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fomm import resources
from fomm.annotation import annotation_path
from fomm.errors import ConfigError, VideoError
from live.sources.base import Notify
from live.sources.recorded import pictures_in

#: In a seeded folder: the names of the bundled pictures that it was given once, so that none comes back.
_SEEDED = ".seeded"

#: What tells that a file is another one than before: time of change and size, of the picture and of its annotation.
Signature: TypeAlias = tuple[int, int, int, int]


def user_folder() -> Path:
    """The user's own avatars, whether the folder exists or not."""
    import platformdirs

    return platformdirs.user_data_path("fomm-live", appauthor=False) / "avatars"


def gallery_folder(chosen: str | None, notify: Notify) -> Path:
    """The folder whose pictures are the gallery: the one that was chosen, or the user's own, made and seeded.

    Where the user's own cannot be made, the folder of the bundled pictures stands in, and that is told.

    Raises:
        ConfigError: the chosen folder is none.
    """
    if chosen is not None:
        folder = Path(chosen).expanduser()
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise ConfigError(f"--avatars {chosen} {what}; name a folder of pictures, or make it first")
        return folder
    try:
        return seed(user_folder())
    except OSError as error:
        notify(f"{user_folder()} cannot be made ({error.strerror}); the bundled avatars stand in")
        return resources.AVATARS


def seed(folder: Path) -> Path:
    """Give a folder the bundled pictures that it never had, and make it where it does not exist.

    Raises:
        OSError: it cannot be written.
    """
    bundled = pictures_in(resources.AVATARS) if resources.AVATARS.is_dir() else []
    record = folder / _SEEDED
    # A record that is damaged names fewer pictures: those are given again.
    known = set(record.read_text("utf-8", errors="replace").split("\n")) if record.is_file() else set()
    missing = [picture for picture in bundled if picture.name not in known]
    if not missing and folder.is_dir():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for picture in missing:
        if (folder / picture.name).exists():
            continue
        # The annotation first: a picture that appears without it would be searched for a face.
        for file in (annotation_path(picture), picture):
            if file.is_file():
                _copy(file, folder / file.name)
    _write(record, "\n".join(sorted({*known, *(picture.name for picture in bundled)} - {""})) + "\n")
    return folder


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, part)
        part.replace(target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@dataclass(frozen=True)
class Collection:
    """Pictures and folders of pictures, in the order in which they are shown.

    Attributes:
        places: files and folders; a file that one of the folders holds too is shown once, where it comes first.
        company: folders that nobody asked for, whose pictures follow.
    """

    places: Sequence[Path]
    company: Sequence[Path] = ()

    def asked_for(self) -> list[Path]:
        """The pictures of which the first that can be used is shown first."""
        return list(Collection(self.places).scan())

    def scan(self) -> dict[Path, Signature]:
        """The pictures that are there now. Folders and files that are not are left out."""
        found: dict[Path, Signature] = {}
        seen: set[Path] = set()
        for place in (*self.places, *self.company):
            if place.is_dir():
                try:
                    pictures = [path for path in pictures_in(place) if not path.name.startswith(".")]
                except VideoError:
                    continue
            else:
                pictures = [place]
            for picture in pictures:
                signature = _signature(picture)
                if signature is not None and (real := picture.resolve()) not in seen:
                    seen.add(real)
                    found[picture] = signature
        return found

    def __str__(self) -> str:
        return (
            ", ".join(str(place) for place in (*self.places, *self.company) if place.is_dir()) or "--avatars"
        )


def _signature(picture: Path) -> Signature | None:
    """None where there is no such file."""
    try:
        status = picture.stat()
    except OSError:
        return None
    beside: os.stat_result | None = None
    with contextlib.suppress(OSError):
        beside = annotation_path(picture).stat()
    mark = (0, 0) if beside is None else (beside.st_mtime_ns, beside.st_size)
    return (status.st_mtime_ns, status.st_size, *mark)
