"""Where recordings and snapshots go, and what they are called."""

from __future__ import annotations

import re
import time
from pathlib import Path

from fomm.errors import SinkError

#: Longer names of avatars are cut off: some systems take no more than 143 bytes a name.
_LONGEST = 60


def videos_folder() -> Path:
    """The user's own folder of videos, wherever the system has it."""
    import platformdirs

    return platformdirs.user_videos_path()


def reserve(folder: Path, avatar: Path, suffix: str) -> Path:
    """A file of its own for a recording or a snapshot: made, empty, and never one that was there.

    Its name has date, time and the avatar's name, such as `2026-11-25_20-44-33_einstein.mp4`.

    Raises:
        SinkError: it cannot be made there.
    """
    stem = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{_plain(avatar.stem)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            path = folder / f"{stem}{'' if number == 1 else f'_{number}'}{suffix}"
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise SinkError(
            f"nothing can be saved in {folder} ({error.strerror}); choose another recording.folder"
        ) from None
    raise SinkError(f"{folder / stem}{suffix} and its numbered fellows are all there; try again in a second")


def _plain(name: str) -> str:
    """What every file system takes."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:_LONGEST] or "avatar"
