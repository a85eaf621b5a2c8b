"""A console under Windows. Not run by us on Windows; the tests give it a keyboard of their own."""

from __future__ import annotations

from typing import Protocol

from live.terminal.decoding import windows_key


class Keyboard(Protocol):
    """The part of `msvcrt` that is used."""

    def kbhit(self) -> bool:
        """Whether a key waits."""
        ...

    def getwch(self) -> str:
        """The character of the next key."""
        ...


class WindowsTerminal:
    """Reads keys from the console, whose state is never changed.

    Args:
        keyboard: `msvcrt`.
    """

    def __init__(self, keyboard: Keyboard) -> None:
        self._keyboard = keyboard

    def pressed(self) -> list[str]:
        """Those pressed since the last call."""
        found = []
        while self._keyboard.kbhit():
            first = self._keyboard.getwch()
            # 0xE0 is also a letter, after which nothing waits.
            second = self._keyboard.getwch() if first in "\x00\xe0" and self._keyboard.kbhit() else ""
            found.append(windows_key(first, second))
        return [key for key in found if key is not None]

    def restore(self) -> None:
        """There is nothing to put back."""

    def close(self) -> None:
        """There is nothing to put back."""
