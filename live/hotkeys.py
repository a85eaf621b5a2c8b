"""One table: command → keys → help text.

The window, the terminal, the help overlay, `fomm-live keys`, `fomm-live send`, the config file and the docs
read it.

A key is written as it is printed: a character (`x`, `[`, `?`), a letter with Shift (`Shift-R`), or a name
(`Esc`, `Left`, `F1`). Case matters only where a letter has a meaning of its own with Shift: elsewhere Caps
Lock changes nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from fomm.errors import ConfigError


class Command(Enum):
    """What a key or `fomm-live send` asks of the session."""

    RECALIBRATE = "recalibrate"
    SEARCH = "search"
    AVATAR_1 = "avatar-1"
    AVATAR_2 = "avatar-2"
    AVATAR_3 = "avatar-3"
    AVATAR_4 = "avatar-4"
    AVATAR_5 = "avatar-5"
    AVATAR_6 = "avatar-6"
    AVATAR_7 = "avatar-7"
    AVATAR_8 = "avatar-8"
    AVATAR_9 = "avatar-9"
    PREVIOUS_AVATAR = "previous-avatar"
    NEXT_AVATAR = "next-avatar"
    RESCAN = "rescan"
    PRIVACY_CARD = "privacy-card"
    PASSTHROUGH = "passthrough"
    FREEZE = "freeze"
    PAUSE = "pause"
    ZOOM_IN = "zoom-in"
    ZOOM_OUT = "zoom-out"
    SHIFT_UP = "shift-up"
    SHIFT_DOWN = "shift-down"
    SHIFT_LEFT = "shift-left"
    SHIFT_RIGHT = "shift-right"
    SHIFT_UP_FINE = "shift-up-fine"
    SHIFT_DOWN_FINE = "shift-down-fine"
    SHIFT_LEFT_FINE = "shift-left-fine"
    SHIFT_RIGHT_FINE = "shift-right-fine"
    RESET_VIEW = "reset-view"
    MIRROR_OUTPUT = "mirror-output"
    MIRROR_PREVIEW = "mirror-preview"
    OVERLAY_MORE = "overlay-more"
    OVERLAY_LESS = "overlay-less"
    LANDMARKS = "landmarks"
    STATS = "stats"
    RECORD = "record"
    SNAPSHOT = "snapshot"
    SIZE = "size"
    HELP = "help"
    QUIT = "quit"


#: The commands that show an avatar by its place, in order.
AVATARS = tuple(Command(f"avatar-{place}") for place in range(1, 10))


@dataclass(frozen=True)
class Hotkey:
    """One command, the keys that give it, and what it does.

    Attributes:
        argument: what `fomm-live send` takes after the command, as usage texts write it; "" for nothing.
    """

    command: Command
    keys: tuple[str, ...]
    help: str
    argument: str = ""


#: The table, in the order in which it is shown. Keys are those of Avatarify where it has them.
HOTKEYS = (
    Hotkey(Command.RECALIBRATE, ("x",), "recalibrate: your pose now becomes the neutral pose"),
    Hotkey(Command.SEARCH, ("f",), "search the pose that fits the avatar best; again to take it"),
    *(Hotkey(command, (str(i),), f"avatar {i}") for i, command in enumerate(AVATARS, start=1)),
    Hotkey(Command.PREVIOUS_AVATAR, ("a", "[", "Left"), "previous avatar"),
    Hotkey(Command.NEXT_AVATAR, ("d", "]", "Right"), "next avatar"),
    Hotkey(Command.RESCAN, ("l",), "look for new pictures in the avatars' folder"),
    Hotkey(Command.PRIVACY_CARD, ("0",), "privacy card instead of the avatar, and back"),
    Hotkey(Command.FREEZE, ("Space",), "freeze the output, and go on"),
    Hotkey(Command.PAUSE, ("b",), "break: the portrait rests and the processor too; again to go on"),
    Hotkey(Command.ZOOM_IN, ("w",), "zoom in"),
    Hotkey(Command.ZOOM_OUT, ("s",), "zoom out"),
    Hotkey(Command.SHIFT_UP, ("u",), "shift up"),
    Hotkey(Command.SHIFT_DOWN, ("j",), "shift down"),
    Hotkey(Command.SHIFT_LEFT, ("h",), "shift left"),
    Hotkey(Command.SHIFT_RIGHT, ("k",), "shift right"),
    Hotkey(Command.SHIFT_UP_FINE, ("Shift-U",), "shift up a little"),
    Hotkey(Command.SHIFT_DOWN_FINE, ("Shift-J",), "shift down a little"),
    Hotkey(Command.SHIFT_LEFT_FINE, ("Shift-H",), "shift left a little"),
    Hotkey(Command.SHIFT_RIGHT_FINE, ("Shift-K",), "shift right a little"),
    Hotkey(Command.RESET_VIEW, ("Shift-Z",), "undo zoom and shift"),
    Hotkey(Command.MIRROR_OUTPUT, ("t",), "mirror the output"),
    Hotkey(Command.MIRROR_PREVIEW, ("r",), "mirror the preview"),
    Hotkey(Command.OVERLAY_MORE, ("c",), "avatar over the preview: stronger"),
    Hotkey(Command.OVERLAY_LESS, ("z",), "avatar over the preview: weaker"),
    Hotkey(Command.LANDMARKS, ("o",), "show or hide the landmarks"),
    Hotkey(Command.STATS, ("i",), "show or hide the numbers"),
    Hotkey(Command.RECORD, ("Shift-R",), "start or end a recording"),
    Hotkey(Command.SNAPSHOT, ("p",), "save a snapshot"),
    Hotkey(Command.PASSTHROUGH, ("Shift-P",), "your real face instead of the avatar; asks first"),
    Hotkey(Command.SIZE, (), "another output size", argument="WIDTHxHEIGHT"),
    Hotkey(Command.HELP, ("?", "F1"), "show or hide this help"),
    Hotkey(Command.QUIT, ("q", "Esc"), "quit"),
)

#: Keys without a printable character.
NAMED_KEYS = (
    *("Esc", "Space", "Enter", "Tab", "Backspace", "Left", "Up", "Right", "Down"),
    *("PageUp", "PageDown", "Home", "End", "Delete", *(f"F{i}" for i in range(1, 13))),
)


def key_of_character(character: str) -> str | None:
    """The key that types `character`: a capital letter is Shift and the letter; None for control characters."""
    if character == " ":
        return "Space"
    if len(character) != 1 or not character.isprintable():
        return None
    return f"Shift-{character}" if character.isupper() else character


def parse_key(text: str) -> str:
    """A key as a user writes it, in our spelling: "shift-r" is `Shift-R`, "esc" is `Esc`, "X" is `x`.

    Raises:
        ConfigError: there is no such key.
    """
    shift, _, letter = text.rpartition("-")
    if shift.casefold() == "shift" and len(letter) == 1 and letter.isalpha():
        return f"Shift-{letter.upper()}"
    if len(text) == 1 and (key := key_of_character(text.lower())) is not None:
        return key
    named = {name.casefold(): name for name in NAMED_KEYS}
    if (found := named.get(text.casefold())) is not None:
        return found
    raise ConfigError(
        f'"{text}" is no key; write a character, Shift-X for a letter with Shift, or {", ".join(NAMED_KEYS)}'
    )


def parse_command(text: str) -> Command:
    """The command called `text`, as `fomm-live send` and the config file write it.

    Raises:
        ConfigError: there is none; the message has the nearest name.
    """
    name = text.strip().lower().replace("_", "-").replace(" ", "-")
    try:
        return Command(name)
    except ValueError:
        pass
    names = [command.value for command in Command]
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]}?" if near else "see fomm-live keys"
    raise ConfigError(f'no command is called "{text}"; {advice}')


class Hotkeys:
    """The table with a user's own keys.

    Args:
        own: command → all of its keys, in our spelling; an empty sequence takes its keys away.

    Raises:
        ConfigError: a key would have two meanings. A key that is taken from a command which keeps its default
            keys is no conflict: the user's wish wins.
    """

    def __init__(self, own: Mapping[Command, Sequence[str]] | None = None) -> None:
        own = own or {}
        claimed: dict[str, Command] = {}
        for command, keys in own.items():
            for key in keys:
                if claimed.setdefault(key, command) is not command:
                    raise ConfigError(
                        f'the key "{key}" is given to both {claimed[key].value} and {command.value}; '
                        "choose another one for one of them"
                    )
        self.table = tuple(_with_keys(hotkey, own.get(hotkey.command), claimed) for hotkey in HOTKEYS)
        self._commands = {key: hotkey.command for hotkey in self.table for key in hotkey.keys}

    def command_for(self, key: str | None) -> Command | None:
        """The command of a key, or None. A capital letter without a meaning of its own counts as a small one."""
        if key is None:
            return None
        command = self._commands.get(key)
        if command is None and key.startswith("Shift-"):
            command = self._commands.get(key[-1].lower())
        return command

    def keys_of(self, command: Command) -> tuple[str, ...]:
        """The keys that give `command`."""
        return next(hotkey.keys for hotkey in self.table if hotkey.command is command)

    def rows(self) -> list[tuple[str, str]]:
        """The table for display: keys, and what they do; commands without a key are left out."""
        rows: list[tuple[str, str]] = []
        places = [hotkey for hotkey in self.table if hotkey.command in AVATARS]
        ordinary = [hotkey.keys for hotkey in places] == [(str(i),) for i in range(1, 10)]
        for hotkey in self.table:
            if ordinary and hotkey.command in AVATARS:
                if hotkey.command is AVATARS[0]:
                    rows.append(("1 ... 9", "avatar 1 to 9"))
            elif hotkey.keys:
                rows.append((" / ".join(hotkey.keys), hotkey.help))
        return rows


def _with_keys(hotkey: Hotkey, own: Sequence[str] | None, claimed: Mapping[str, Command]) -> Hotkey:
    keys = own if own is not None else [key for key in hotkey.keys if key not in claimed]
    return replace(hotkey, keys=tuple(dict.fromkeys(keys)))
