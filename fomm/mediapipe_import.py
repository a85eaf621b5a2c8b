"""Importing MediaPipe without the second that plotting and sound take."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

#: What MediaPipe imports on the way, and neither it nor we use to find faces and people. On a machine's first
#: start, Matplotlib also searches the system's fonts, for many seconds.
_UNUSED = ("matplotlib", "matplotlib.pyplot", "sounddevice")


def load_mediapipe() -> None:
    """Import MediaPipe; call this before importing its modules in the ordinary way. Safe in any thread."""
    with _postponed(_UNUSED):
        import mediapipe.tasks.python.vision  # noqa: F401


class _Postponed(ModuleType):
    """Stands for a module until something in it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _postponed(names: tuple[str, ...]) -> Iterator[None]:
    """Imports of these modules give stand-ins; afterwards whoever imports them gets the real ones."""
    stand_ins = {name: _Postponed(name) for name in names if name not in sys.modules}
    for name, module in stand_ins.items():
        parent, _, child = name.rpartition(".")
        if parent in stand_ins:
            setattr(stand_ins[parent], child, module)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
