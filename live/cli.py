"""`fomm-live`: the live app's entry point.

Kept free of heavy imports: from here on Ctrl-C is handled, and what loads afterwards may take a second.
"""

from __future__ import annotations

import os
import sys
import threading

import live.clock  # noqa: F401 - where the system does not tell when we started, this is when
from fomm import streams
from live.interrupts import Interrupts


def main() -> None:
    """Entry point; never returns."""
    streams.complete()
    with Interrupts() as interrupts:
        from live import commands
        from live.quiet import quiet_native_libraries

        if "--debug" not in sys.argv:
            quiet_native_libraries()
        status = commands.main(sys.argv[1:], interrupts)
    for stream in (sys.stdout, sys.stderr):
        streams.flush(stream)
    if threading.active_count() > 1:
        # A thread still sits in a native call, such as a camera that does not answer: finalising the
        # interpreter under it could crash, and everything that matters is closed.
        os._exit(status)
    sys.exit(status)
