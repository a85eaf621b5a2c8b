from __future__ import annotations

import pytest

from live.hotkeys import HOTKEYS, Command, command_for, help_rows


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ord("q"), Command.QUIT),
        (ord("Q"), Command.QUIT),
        (27, Command.QUIT),
        (ord("x"), Command.RECALIBRATE),
        (ord("["), Command.PREVIOUS_AVATAR),
        (0xFF51, Command.PREVIOUS_AVATAR),  # X11
        (2424832, Command.PREVIOUS_AVATAR),  # Windows
        (63234, Command.PREVIOUS_AVATAR),  # macOS
        (ord("]"), Command.NEXT_AVATAR),
        (0xFF53, Command.NEXT_AVATAR),
        (2555904, Command.NEXT_AVATAR),
        (63235, Command.NEXT_AVATAR),
        (ord("t"), Command.MIRROR),
        (ord("i"), Command.FPS),
        (ord("?"), Command.HELP),
        (0x100000 | ord("q"), Command.QUIT),  # with Num Lock
        (ord("z"), None),
        (-1, None),
    ],
)
def test_keys_give_commands(code: int, expected: Command | None) -> None:
    assert command_for(code) is expected


def test_every_command_has_one_row_and_no_key_two_meanings() -> None:
    assert sorted(hotkey.command.value for hotkey in HOTKEYS) == sorted(command.value for command in Command)
    keys = [key for hotkey in HOTKEYS for key in hotkey.keys]
    assert len(keys) == len(set(keys))
    assert all(what for _, what in help_rows())
