"""The terminal as a source of commands."""

from __future__ import annotations

import contextlib
import sys
from typing import Protocol

from live.hotkeys import Command, Hotkeys
from live.keytable import as_lines
from live.requests import Answer, Request


class Terminal(Protocol):
    """Where keys are typed."""

    def pressed(self) -> list[str]:
        """Those pressed since the last call; never waits."""
        ...

    def restore(self) -> None:
        """Leave the terminal as it was found until the next `pressed`; idempotent."""
        ...

    def close(self) -> None:
        """The same for good; idempotent."""
        ...


class TerminalKeys:
    """A `CommandSource`: the window's keys, typed in the terminal. What they do is told there.

    Args:
        terminal: where they are typed.
        hotkeys: what they mean.
    """

    def __init__(self, terminal: Terminal, hotkeys: Hotkeys) -> None:
        self._terminal = terminal
        self._hotkeys = hotkeys

    def requests(self) -> list[Request]:
        """See `CommandSource.requests`. Help is printed at once: there may be no window to show it."""
        found = []
        for key in self._terminal.pressed():
            command = self._hotkeys.command_for(key)
            if command is Command.HELP:
                _tell("\n".join(as_lines(self._hotkeys)))
            elif command is not None:
                found.append(Request(command, reply=_tell_answer))
        return found

    def restore(self) -> None:
        """See `Terminal.restore`."""
        self._terminal.restore()

    def close(self) -> None:
        """See `Terminal.close`."""
        self._terminal.close()


def open_terminal_keys(hotkeys: Hotkeys) -> TerminalKeys | None:
    """The keys of the terminal that the program was started from, or None where it was started otherwise."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    terminal: Terminal
    if sys.platform == "win32":
        import msvcrt

        from live.terminal.windows import WindowsTerminal

        terminal = WindowsTerminal(msvcrt)
    else:
        from live.terminal.posix import PosixTerminal

        terminal = PosixTerminal(sys.stdin.fileno())
    return TerminalKeys(terminal, hotkeys)


def _tell_answer(answer: Answer) -> None:
    _tell(answer.text)


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may have been closed
        print(text, file=sys.stderr, flush=True)
