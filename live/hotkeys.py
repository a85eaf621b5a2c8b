"""One table: key → command → help text. The window, its help overlay and `fomm-live keys` read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Command(Enum):
    """What a key asks of the session."""

    QUIT = "quit"
    RECALIBRATE = "recalibrate"
    PREVIOUS_AVATAR = "previous avatar"
    NEXT_AVATAR = "next avatar"
    MIRROR = "mirror"
    FPS = "fps"
    HELP = "help"


@dataclass(frozen=True)
class Hotkey:
    """One command, the keys that give it (as they are printed), and what it does."""

    command: Command
    keys: tuple[str, ...]
    help: str


HOTKEYS = (
    Hotkey(Command.QUIT, ("q", "Esc"), "quit"),
    Hotkey(Command.RECALIBRATE, ("x",), "recalibrate: your pose now becomes the neutral pose"),
    Hotkey(Command.PREVIOUS_AVATAR, ("[", "Left"), "previous avatar"),
    Hotkey(Command.NEXT_AVATAR, ("]", "Right"), "next avatar"),
    Hotkey(Command.MIRROR, ("t",), "mirror the output"),
    Hotkey(Command.FPS, ("i",), "show or hide the frame rate"),
    Hotkey(Command.HELP, ("?", "h"), "show or hide this help"),
)

#: What OpenCV's `waitKeyEx` reports for keys without a character: X11, Windows, macOS.
_NAMED_KEYS = {
    "Esc": (27,),
    "Left": (0xFF51, 0x250000, 63234),
    "Right": (0xFF53, 0x270000, 63235),
}


def _codes(key: str) -> tuple[int, ...]:
    if key in _NAMED_KEYS:
        return _NAMED_KEYS[key]
    return tuple({ord(key), ord(key.upper())})


_COMMANDS = {code: hotkey.command for hotkey in HOTKEYS for key in hotkey.keys for code in _codes(key)}

#: Modifier bits (shift, control, caps lock, ...) that GTK and Qt builds of OpenCV add above the key itself.
_KEY_BITS = 0xFFFF


def command_for(code: int) -> Command | None:
    """The command of a `waitKeyEx` code, or None."""
    return _COMMANDS.get(code, _COMMANDS.get(code & _KEY_BITS)) if code >= 0 else None


def help_rows() -> list[tuple[str, str]]:
    """The table for display: keys, and what they do."""
    return [(" / ".join(hotkey.keys), hotkey.help) for hotkey in HOTKEYS]
