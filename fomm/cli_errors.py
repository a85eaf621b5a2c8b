"""What every command line here does with errors: one line on stderr, a telling exit status, no traceback."""

from __future__ import annotations

import contextlib
import errno
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from fomm import streams
from fomm.errors import FommError

#: Exit statuses: what was asked for cannot be done, and what shells expect after Ctrl-C.
REFUSED, INTERRUPTED = 2, 130

#: What writing to a pipe, a disk or a terminal fails with; such errors name no file.
_UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EIO)


def run(app: typer.Typer, arguments: Sequence[str], *, program: str, **context: Any) -> int:
    """Run a command and return its exit status.

    Refused input and wrong usage are one line on stderr and status 2, Ctrl-C is status 130 without a word, and so is
    1 where whoever read our output has gone.
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
        message = message.replace("Value error, ", "", 1)  # how pydantic, which checks for typer, begins
        # A group of commands without a command explains itself.
        explains = message.startswith("Usage: ")
        context_of = getattr(error, "ctx", None)
        if context_of is not None and not explains and not message.endswith("?"):
            message = f"{message.rstrip('.')}; see {context_of.command_path} --help"
        _complain(message if explains else f"{program}: {' '.join(message.split())}")
        return REFUSED
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and error.filename is not None:
            _complain(f"{program}: {str(error.filename)[:40]}...: this name is too long; use a shorter one")
            return REFUSED
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        return _not_written(error, program)
    unwritten = streams.flush(sys.stdout)
    if unwritten is not None:
        return _not_written(unwritten, program)
    return status if isinstance(status, int) else 0


def _not_written(error: OSError, program: str) -> int:
    """Standard output is closed or full; the exit status."""
    streams.drop(sys.stdout)
    if isinstance(error, BrokenPipeError):  # such as `| head`
        return streams.READER_GONE
    _complain(f"{program}: the output cannot be written ({error.strerror}); lead it elsewhere")
    return REFUSED


def _complain(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be there to read it
        print(line, file=sys.stderr)
