"""`fomm-live`: the live app's entry point.

Imports nothing by itself: in `main` Ctrl-C is handled, and what loads there may take a second.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point; never returns."""
    try:
        import live.clock  # noqa: F401 - where the system does not tell when we started, this is when
        from fomm import streams
        from live.interrupts import Interrupts
        from live.leaving import leave
    except KeyboardInterrupt:
        sys.exit(130)
    streams.complete()
    with Interrupts() as interrupts:
        from live import commands
        from live.quiet import quiet_native_libraries

        if "--debug" not in sys.argv:
            quiet_native_libraries()
        status = commands.main(sys.argv[1:], interrupts)
    leave(status)
