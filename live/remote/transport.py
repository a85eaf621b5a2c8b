"""How this system's processes talk to each other."""

from __future__ import annotations

import os
from types import ModuleType


def transport() -> ModuleType:
    """The module with `Listener`, `sessions` and `ask` for this system."""
    if os.name == "nt":
        from live.remote import pipe

        return pipe
    from live.remote import unix

    return unix
