"""The First Order Motion Model for Image Animation, and a bundled animator that needs no weights."""

from __future__ import annotations

__version__ = "0.1.0"
