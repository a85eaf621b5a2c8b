"""The First Order Motion Model for Image Animation, and a bundled animator that needs no weights."""

from __future__ import annotations

# As in `typing`, whose import would take most of the time until a command heeds Ctrl-C.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from fomm.model import load_model as load_model
    from fomm.offline import animate as animate

__version__ = "0.1.0"

__all__ = ["__version__", "animate", "load_model"]

#: What is imported only when it is asked for: models bring torch along, and the bundled animator needs none.
_LAZY = {"animate": "fomm.offline", "load_model": "fomm.model"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
