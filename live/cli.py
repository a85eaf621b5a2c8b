"""`fomm-live`: the live app's entry point.

Kept free of heavy imports: from here on Ctrl-C is handled, and what loads afterwards may take a second.
"""

from __future__ import annotations

import sys

import live.clock  # noqa: F401 - where the system does not tell when we started, this is when
from fomm import streams
from live.interrupts import Interrupts
from live.leaving import leave


def main() -> None:
    """Entry point; never returns."""
    streams.complete()
    with Interrupts() as interrupts:
        from live import commands
        from live.quiet import quiet_native_libraries

        if "--debug" not in sys.argv:
            quiet_native_libraries()
        status = commands.main(sys.argv[1:], interrupts)
    leave(status)
