"""The JSON files that a session leaves behind: a place checked before it runs, written all or nothing after it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fomm.errors import ConfigError


def check_json(flag: str, path: Path) -> None:
    """Refuse a place before the session runs.

    Args:
        flag: what named it, such as "--report".
        path: where to write.

    Raises:
        ConfigError: it does not end in .json, it is a folder, or its folder does not exist or cannot be written.
    """
    if path.suffix.lower() != ".json":  # a slip of the hand must not replace a picture by numbers
        raise ConfigError(f"{flag} {path} is no JSON file; give a name ending in .json")
    if path.is_dir():
        raise ConfigError(f"{flag} {path} is a folder; name a file inside it")
    if not path.parent.is_dir():
        raise ConfigError(f"{flag} {path}: the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{flag} {path}: the folder {path.parent} cannot be written; choose another place")


def write_json(path: Path, content: Any, *, name: str, indent: int | None = 2) -> None:
    """Write, all or nothing.

    Args:
        path: where to.
        content: anything JSON can say.
        name: what messages call the file, such as "report".
        indent: spaces for each level; None writes no more than needed.

    Raises:
        ConfigError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=indent)
            file.write("\n")
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(
            f"the {name} {path} cannot be written ({error.strerror}); choose another place"
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
