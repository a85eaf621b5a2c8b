"""How the program ends."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

from fomm import streams

_stuck = False


def without_finalising() -> None:
    """From now on the program ends without giving libraries a chance to clean up: one of them would wait for ever."""
    global _stuck  # noqa: PLW0603 - of the process, as its end is
    _stuck = True


def leave(status: int) -> NoReturn:
    """End the program with an exit status. Whatever matters has been closed."""
    for stream in (sys.stdout, sys.stderr):
        streams.flush(stream)
    # Also where a thread still sits in a native call, such as a camera that does not answer: finalising the
    # interpreter under it could crash.
    if _stuck or threading.active_count() > 1:
        os._exit(status)
    sys.exit(status)
