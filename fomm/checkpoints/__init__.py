"""Published weights: which there are, getting them, checking them, reading them, converting them.

Nothing here downloads but `pull`, and that only where it was asked for by name.
"""

from __future__ import annotations

from fomm.checkpoints.converting import convert
from fomm.checkpoints.downloading import download
from fomm.checkpoints.reading import Weights, read
from fomm.checkpoints.registry import RELEASES, Progress, Release, identify
from fomm.checkpoints.store import (
    Installed,
    Verdict,
    find,
    folder,
    import_file,
    installed,
    locate,
    pull,
    stored,
    verify,
)

__all__ = [
    "RELEASES",
    "Installed",
    "Progress",
    "Release",
    "Verdict",
    "Weights",
    "convert",
    "download",
    "find",
    "folder",
    "identify",
    "import_file",
    "installed",
    "locate",
    "pull",
    "read",
    "stored",
    "verify",
]
