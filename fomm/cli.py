"""`fomm`: the library's command line."""

from __future__ import annotations


def main() -> None:
    """Entry point."""
    raise SystemExit(2)
