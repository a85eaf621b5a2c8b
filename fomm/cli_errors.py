"""What every command line here does with errors: one line on stderr, a telling exit status, no traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from fomm.errors import FommError

#: Exit statuses: what was asked for cannot be done, and what shells expect after Ctrl-C.
REFUSED, INTERRUPTED = 2, 130


def run(app: typer.Typer, arguments: Sequence[str], *, program: str, **context: Any) -> int:
    """Run a command and return its exit status.

    Refused input and wrong usage are one line on stderr and status 2, Ctrl-C is status 130 without a word.
    With `--debug` among the arguments the traceback is shown as well.

    Args:
        app: the commands.
        arguments: what follows the program's name.
        program: the name that the line begins with.
        context: for typer's context, e.g. `obj`.
    """
    try:
        status = app(args=list(arguments), prog_name=program, standalone_mode=False, **context)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (FommError, typer.TyperException) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if message.startswith("Usage: "):  # a group of commands without a command explains itself
            print(message, file=sys.stderr)
            return REFUSED
        print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
        return REFUSED
    return status if isinstance(status, int) else 0
