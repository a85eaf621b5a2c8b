"""What rendering needs beyond the standard installation, said in one line where it is missing."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator

from fomm.errors import FommError

_PACKAGES = ("anny", "moderngl")


class ExtraError(FommError, ImportError):
    """The extra `synthetic` is not installed."""


def require_extra() -> None:
    """Check that the packages of the extra are there.

    Raises:
        ExtraError: one is missing; the message says how to install it.
    """
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ExtraError(
                f"{name} cannot be imported ({error}); rendering synthetic people needs the extra 'synthetic': "
                "pip install 'fomm-live[synthetic]'"
            ) from None


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """End a command with one line and status 2 instead of a traceback."""
    try:
        yield
    except FommError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
