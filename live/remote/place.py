"""Where sessions and those who call them meet."""

from __future__ import annotations

import warnings
from pathlib import Path


def runtime_folder() -> Path:
    """The user's folder for what lives as long as a session; it may not be there yet."""
    import platformdirs

    with warnings.catch_warnings():
        # It takes a folder in /tmp where the system names none, which is all right: it is made ours alone.
        warnings.simplefilter("ignore", UserWarning)
        return platformdirs.user_runtime_path("fomm-live", appauthor=False)
