"""Standard output and error, which may be closed, full, or read by nobody any more."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

#: The exit status where whoever read our output has gone: as typer has it.
READER_GONE = 1


def complete() -> None:
    """Lead those of the three standard streams that are closed nowhere, so that no other file takes their place.

    Desktop shortcuts, services and `>&-` start programs like this; Python's own are None then.
    """
    with contextlib.suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - os.devnull is no Path


def flush(stream: TextIO) -> OSError | None:
    """Write what is still to be written; what went wrong, where something did.

    What could not be written is dropped then: Python would try again, and complain, when it ends.
    """
    try:
        stream.flush()
    except OSError as error:
        drop(stream)
        return error
    return None


def drop(stream: TextIO) -> None:
    """From now on it leads nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
