"""Which pictures `--avatar` names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fomm import resources
from fomm.errors import ImageError
from live.sources.recorded import pictures_in


def bundled_avatars() -> list[Path]:
    """The pictures that ship with the package."""
    return pictures_in(resources.AVATARS) if resources.AVATARS.is_dir() else []


def resolve_avatars(wanted: Sequence[str]) -> list[Path]:
    """The pictures that `--avatar` names: files, folders, bundled names. No name means the bundled ones.

    Raises:
        ImageError: a name that is neither, or a folder without pictures; the message lists the bundled ones.
    """
    bundled = bundled_avatars()
    paths = [path for name in wanted for path in _resolve(name, bundled)] or list(bundled)
    if not paths:
        raise ImageError(f"{resources.AVATARS} holds no avatar; name a picture with --avatar")
    return paths


def with_company(paths: Sequence[Path]) -> list[Path]:
    """The same pictures; a single one followed by the bundled ones, so that the avatar keys have somewhere to go."""
    if len(paths) > 1:
        return list(paths)
    return [*paths, *(path for path in bundled_avatars() if path.resolve() != paths[0].resolve())]


def _resolve(name: str, bundled: Sequence[Path]) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        found = pictures_in(path)
        if not found:
            raise ImageError(f"{name} holds no picture; name a folder of PNG or JPEG files")
        return found
    if path.exists():
        return [path]
    for picture in bundled:
        if name.casefold() in (picture.stem.casefold(), picture.name.casefold()):
            return [picture]
    names = ", ".join(picture.stem for picture in bundled)
    raise ImageError(
        f"{name}: no such picture; name a file or a folder, or one of the bundled avatars: {names}"
    )
