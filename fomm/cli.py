"""`fomm`: the library's command line.

Kept free of heavy imports: from here on Ctrl-C is handled, and what loads afterwards may take a second.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from fomm import streams


def main() -> None:
    """Entry point; never returns."""
    signal.signal(signal.SIGTERM, _end)
    streams.complete()
    try:
        from fomm import cli_errors, commands

        status = cli_errors.run(commands.app, sys.argv[1:], program="fomm")
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
    """Leave through every `finally`, so that nothing half-written stays behind."""
    sys.exit(128 + number)
