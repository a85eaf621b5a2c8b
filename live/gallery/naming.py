"""Which pictures `--avatar` names, and which others are shown beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fomm import resources
from fomm.errors import ImageError
from live.gallery.folder import Collection
from live.sources.recorded import pictures_in


def bundled_avatars() -> list[Path]:
    """The pictures that ship with the package."""
    return pictures_in(resources.AVATARS) if resources.AVATARS.is_dir() else []


def resolve_avatars(wanted: Sequence[str], folder: Path) -> Collection:
    """What `--avatar` names: files, folders, names of pictures in the gallery's folder or of bundled ones.

    A single picture is followed by the gallery's folder, so that the avatar keys have somewhere to go. No name means
    the folder alone.

    Raises:
        ImageError: a name that is none of these, or a folder without pictures; the message lists the known names.
    """
    named = [_resolve(name, folder) for name in wanted]
    if not named:
        if not Collection([folder]).scan():
            raise ImageError(f"{folder} holds no picture; put some there, or name one with --avatar")
        return Collection([folder])
    if len(named) == 1 and not named[0].is_dir():
        return Collection(named, company=[folder])
    return Collection(named)


def _resolve(name: str, folder: Path) -> Path:
    path = Path(name).expanduser()
    if not name:  # such as "$UNSET": as a path it would be the folder we are in
        raise ImageError('--avatar "" names nothing; give a picture, a folder, or leave it out')
    if path.is_dir():
        if not Collection([path]).scan():
            raise ImageError(f"{name} holds no picture; name a folder of PNG or JPEG files")
        return path
    if path.exists():
        return path
    known = [*Collection([folder]).scan(), *bundled_avatars()]
    for picture in known:
        if name.casefold() in (picture.stem.casefold(), picture.name.casefold()):
            return picture
    names = ", ".join(dict.fromkeys(picture.stem for picture in known))
    raise ImageError(
        f"{name}: no such picture; name a file or a folder, or one of the avatars in {folder}: {names}"
    )
