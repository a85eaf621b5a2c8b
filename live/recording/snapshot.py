"""Single frames of the output as pictures."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from fomm.errors import SinkError
from live.frames import OutputFrame
from live.recording.naming import reserve


def save_snapshot(frame: OutputFrame, folder: Path, avatar: Path) -> Path:
    """Write a PNG, all or nothing, and never over a file that was there; where it is.

    Raises:
        SinkError: it cannot be written.
    """
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    if not done:
        raise SinkError("the snapshot cannot be encoded as PNG; try again")
    path = reserve(folder, avatar, ".png")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(data.tobytes())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise SinkError(
            f"{path} cannot be written ({error.strerror}); check the disk or choose another recording.folder"
        ) from None
    return path
