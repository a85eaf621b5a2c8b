"""`fomm`: the library's command line.

Imports nothing by itself: in `main` Ctrl-C is handled, and what loads there may take a second.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point; never returns."""
    try:
        import signal

        signal.signal(signal.SIGTERM, _end)
        from fomm import streams

        streams.complete()
        from fomm import cli_errors, commands

        status = cli_errors.run(commands.app, sys.argv[1:], program="fomm")
    except KeyboardInterrupt:
        sys.exit(130)
    # Nothing is left to clean up: who presses Ctrl-C again ends the rest at once, and sees no traceback.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(status)


def _end(number: int, _frame: object) -> None:
    """Leave through every `finally`, so that nothing half-written stays behind."""
    sys.exit(128 + number)
