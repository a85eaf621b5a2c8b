from __future__ import annotations

import pytest

from fomm.errors import ConfigError
from live.hotkeys import (
    AVATARS,
    HOTKEYS,
    Command,
    Hotkeys,
    key_of_character,
    parse_command,
    parse_key,
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("q", Command.QUIT),
        ("Shift-Q", Command.QUIT),
        ("Esc", Command.QUIT),
        ("r", Command.MIRROR_PREVIEW),
        ("Shift-R", Command.RECORD),
        ("u", Command.SHIFT_UP),
        ("Shift-U", Command.SHIFT_UP_FINE),
        ("1", Command.AVATAR_1),
        ("?", Command.HELP),
        ("@", None),
        (None, None),
    ],
)
def test_keys_give_commands(key: str | None, expected: Command | None) -> None:
    assert Hotkeys().command_for(key) is expected


def test_every_command_has_one_row_and_no_key_two_meanings() -> None:
    assert sorted(hotkey.command.value for hotkey in HOTKEYS) == sorted(command.value for command in Command)
    keys = [key for hotkey in HOTKEYS for key in hotkey.keys]
    assert len(keys) == len(set(keys))
    assert all(parse_key(key) == key for key in keys), "each is written as a user may write it"
    assert all(what for _, what in Hotkeys().rows())


def test_every_command_has_a_key_or_takes_an_argument() -> None:
    assert all(bool(hotkey.keys) != bool(hotkey.argument) for hotkey in HOTKEYS)


def test_the_keys_of_avatarify_are_there() -> None:
    given = {key for hotkey in HOTKEYS for key in hotkey.keys}
    shifted = {f"Shift-{letter}" for letter in "UHJKZ"}
    assert given >= set("1234567890adwsuhjkzcxfrtlio") | shifted | {"Esc"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x", "x"),
        ("X", "x"),
        ("shift-x", "Shift-X"),
        ("Shift-X", "Shift-X"),
        ("esc", "Esc"),
        ("SPACE", "Space"),
        (" ", "Space"),
        ("f12", "F12"),
        ("-", "-"),
        ("?", "?"),
        ("ä", "ä"),
    ],
)
def test_keys_are_read_as_users_write_them(text: str, key: str) -> None:
    assert parse_key(text) == key


@pytest.mark.parametrize("text", ["", "xx", "Shift-", "Shift-1", "Ctrl-x", "\n", "F13"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no key; write a character"):
        parse_key(text)


def test_characters_are_keys() -> None:
    assert [key_of_character(c) for c in ("x", "X", " ", "7", "\x03", "")] == [
        *("x", "Shift-X", "Space", "7", None, None)
    ]


@pytest.mark.parametrize("text", ["recalibrate", " Recalibrate ", "RECALIBRATE"])
def test_commands_are_read_by_name(text: str) -> None:
    assert parse_command(text) is Command.RECALIBRATE


def test_commands_are_read_with_any_dash() -> None:
    assert parse_command("next_avatar") is parse_command("next avatar") is Command.NEXT_AVATAR


@pytest.mark.parametrize(
    ("text", "told"), [("recalibrat", "did you mean recalibrate"), ("@", "fomm-live keys")]
)
def test_an_unknown_command_is_told_with_the_nearest(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_command(text)


def test_keys_of_ones_own() -> None:
    hotkeys = Hotkeys({Command.RECALIBRATE: ("F5", "n"), Command.FREEZE: ("q",), Command.HELP: ()})
    assert hotkeys.command_for("F5") is hotkeys.command_for("n") is Command.RECALIBRATE
    assert hotkeys.command_for("x") is None, "the keys given replace the default ones"
    assert hotkeys.command_for("q") is Command.FREEZE
    assert hotkeys.keys_of(Command.QUIT) == ("Esc",), "a default key gives way"
    assert hotkeys.keys_of(Command.HELP) == ()
    assert ("F5 / n", HOTKEYS[0].help) in hotkeys.rows()


def test_a_key_with_two_meanings_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match='"g" is given to both recalibrate and freeze'):
        Hotkeys({Command.RECALIBRATE: ("g",), Command.FREEZE: ("g",)})


def test_the_nine_places_are_one_row_unless_they_are_ones_own() -> None:
    assert sum("avatar 1" in what for _, what in Hotkeys().rows()) == 1
    assert ("F2", "avatar 1") in Hotkeys({AVATARS[0]: ("F2",)}).rows()
