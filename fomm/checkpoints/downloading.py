"""One resumable download over HTTP, with the standard library alone."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from fomm.checkpoints.reading import not_weights
from fomm.checkpoints.registry import Progress
from fomm.errors import CheckpointError

_BLOCK = 1 << 18
_TIMEOUT_S = 30.0
#: Attempts in a row that may fail without a single new byte.
_ATTEMPTS = 4


class _BrokenOffError(Exception):
    """The connection ended early; what has arrived stays."""


def download(
    url: str,
    path: Path,
    *,
    progress: Progress | None = None,
    pause_s: float = 1.0,
) -> None:
    """Fetch a file. Until it is complete it is called `<path>.part`, and a further call goes on from there.

    Args:
        url: http or https.
        path: where the complete file goes, atomically.
        progress: called with the bytes done so far and the total.
        pause_s: before the second attempt; doubled before each further one.

    Raises:
        CheckpointError: the server refuses, sends a web page, keeps breaking off, or the disk is full.
    """
    part = path.with_name(f"{path.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part, progress)
            break
        except (_BrokenOffError, urllib.error.URLError, http.client.HTTPException, OSError) as error:
            _give_up_on_what_a_retry_cannot_mend(url, part, error)
            failures = 0 if _size(part) > before else failures + 1
            if failures >= _ATTEMPTS:
                raise CheckpointError(
                    f"{url}: the connection failed {failures} times in a row ({_reason(error)}); check the "
                    "network and run the command again: it goes on where it stopped"
                ) from error
            time.sleep(pause_s * 2**failures / 2 if failures else 0)
    part.replace(path)
    _validator(part).unlink(missing_ok=True)


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    offset, headers = _size(part), {"Accept-Encoding": "identity", "User-Agent": "fomm-live"}
    validator = _read_validator(part, url)
    if offset and validator is None:
        offset = 0  # the part is another address's, or cannot be told from a changed file's
    if offset and validator is not None:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT or not _starts_at(response, offset):
            offset = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else offset + int(length)
        _refuse_full_disk(part, url, total, offset)
        _write_validator(part, url, response)
        with part.open("r+b" if offset else "wb") as file:
            file.truncate(offset)
            file.seek(offset)
            _copy(response, file, offset, total, progress)
    _refuse_pages(url, part)
    if total is not None and _size(part) < total:
        raise _BrokenOffError(f"{_size(part)} of {total} bytes arrived")


def _copy(response: Any, file: Any, done: int, total: int | None, progress: Progress | None) -> None:
    while block := response.read(_BLOCK):
        file.write(block)
        done += len(block)
        if progress is not None:
            progress(done, total)
    file.flush()
    os.fsync(file.fileno())


def _starts_at(response: Any, offset: int) -> bool:
    """Whether the server sends the range that was asked for."""
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


def _give_up_on_what_a_retry_cannot_mend(url: str, part: Path, error: Exception) -> None:
    if isinstance(error, urllib.error.HTTPError):
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # longer than the file is: not a part of it
        elif error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR and error.code not in {408, 429}:
            raise CheckpointError(f"{url}: the server answers {error.code} {error.reason}") from error
    elif isinstance(error, CheckpointError):
        raise error
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        raise CheckpointError(
            f"{part}: the disk is full; free some space and run the command again: it goes on from there"
        ) from error
    elif isinstance(error, OSError) and error.filename:  # only errors of the disk name a file
        raise CheckpointError(
            f"{error.filename} cannot be written ({error.strerror}); set FOMM_MODELS to a folder of yours"
        ) from error


def _refuse_full_disk(part: Path, url: str, total: int | None, offset: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - offset > free:
        raise CheckpointError(
            f"{url} has {total / 1e6:.0f} MB, and {part.parent} has only {free / 1e6:.0f} MB left; free some "
            "space, or set FOMM_MODELS to a folder on another disk"
        )


def _refuse_pages(url: str, part: Path) -> None:
    with part.open("rb") as file:
        reason = not_weights(file.read(1024))
    if reason is not None:
        part.unlink()
        _validator(part).unlink(missing_ok=True)
        raise CheckpointError(f"{url}: what the server sent {reason}")


def _validator(part: Path) -> Path:
    """Beside the part: which address it came from, and what tells whether the file there is still the
    same."""
    return part.with_name(f"{part.name}.json")


def _read_validator(part: Path, url: str) -> str | None:
    try:
        known = json.loads(_validator(part).read_text(encoding="utf-8"))
        return str(known["validator"]) if known["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_validator(part: Path, url: str, response: Any) -> None:
    tag = response.headers.get("ETag")
    strong = tag if tag and not tag.startswith("W/") else None
    validator = strong or response.headers.get("Last-Modified")
    if validator is None:
        _validator(part).unlink(missing_ok=True)
    else:
        _validator(part).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(reason).__name__
