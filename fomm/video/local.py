"""Files on this machine, and nothing else."""

from __future__ import annotations

from pathlib import Path


def local(path: Path) -> str:
    """What FFmpeg calls a file. Without it, `10:30.mp4` would be something of the protocol "10"."""
    return f"file:{path}"
