from __future__ import annotations

import pytest

from live.hotkeys import Command, Hotkeys
from live.requests import Answer
from live.terminal import TerminalKeys
from live.terminal.windows import WindowsTerminal


class Typing:
    """A `msvcrt` whose keys were pressed already."""

    def __init__(self, characters: str) -> None:
        self.waiting = list(characters)

    def kbhit(self) -> bool:
        return bool(self.waiting)

    def getwch(self) -> str:
        return self.waiting.pop(0)


def test_keys_are_commands_and_what_they_do_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    keys = TerminalKeys(WindowsTerminal(Typing("xR\xe0K\xe0")), Hotkeys())
    requests = keys.requests()
    assert [request.command for request in requests] == [
        *(Command.RECALIBRATE, Command.RECORD, Command.PREVIOUS_AVATAR)
    ]
    requests[0].reply(Answer("recalibrating"))
    assert capsys.readouterr().err == "recalibrating\n"
    assert keys.requests() == []


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert TerminalKeys(WindowsTerminal(Typing("?")), Hotkeys()).requests() == []
    assert capsys.readouterr().err.count("\n") == len(Hotkeys().rows())
