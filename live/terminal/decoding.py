"""What a terminal sends, as keys."""

from __future__ import annotations

import codecs
import re

from live.hotkeys import key_of_character

#: Seconds after which an escape character that nothing follows is the key Esc: over a slow line the rest of a
#: sequence comes late.
ESCAPE_S = 0.15

_EDITING = ("Up", "Down", "Right", "Left", "Home", "End")

#: What follows the escape character → the key. Terminals differ in the first two characters.
_SEQUENCES = (
    {f"{lead}{letter}": key for lead in "[O" for letter, key in zip("ABCDHF", _EDITING, strict=True)}
    | {f"O{letter}": f"F{i}" for i, letter in enumerate("PQRS", start=1)}
    | {f"[[{letter}": f"F{i}" for i, letter in enumerate("ABCDE", start=1)}
    | {f"[{code}~": f"F{i}" for i, code in enumerate((*range(11, 16), *range(17, 22), 23, 24), start=1)}
    | {f"[{code}~": key for code, key in ((1, "Home"), (7, "Home"), (4, "End"), (8, "End"), (3, "Delete"))}
    | {"[5~": "PageUp", "[6~": "PageDown"}
)

_CONTROLS = {"\r": "Enter", "\n": "Enter", "\t": "Tab", "\x7f": "Backspace", "\x08": "Backspace"}

#: A whole sequence after the escape character, and the beginning of one.
_WHOLE = re.compile(r"O.|\[\[.|\[[0-?]*[ -/]*[@-~]|[^\[O\x1b]")
_BEGUN = re.compile(r"O|\[\[?|\[[0-?]*[ -/]*")

#: What Windows sends after a NUL or 0xE0 character.
_WINDOWS = {
    **dict(zip("HPMKGO", _EDITING, strict=True)),
    **{"I": "PageUp", "Q": "PageDown", "S": "Delete"},
    **{chr(58 + i): f"F{i}" for i in range(1, 11)},
}


class Decoder:
    """Turns the bytes of a POSIX terminal into keys; what it does not know is left out."""

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._since = 0.0

    def keys(self, received: bytes, now: float) -> list[str]:
        """The keys that are complete.

        Args:
            received: what has come since the last call; b"" where nothing has, which may complete an Esc.
            now: seconds on any clock.
        """
        if received:
            self._rest += self._text.decode(received)
            self._since = now
        keys = []
        while self._rest:
            if self._rest[0] != "\x1b":
                keys.append(_key(self._rest[0]))
                self._rest = self._rest[1:]
                continue
            sequence = _WHOLE.match(self._rest, 1)
            if sequence is not None:
                keys.append(_SEQUENCES.get(sequence[0]))
                self._rest = self._rest[sequence.end() :]
            elif _BEGUN.fullmatch(self._rest, 1) or len(self._rest) == 1:
                if now - self._since < ESCAPE_S:
                    break
                # Alone it is the key; a sequence that never ends is dropped.
                keys.append("Esc" if len(self._rest) == 1 else None)
                self._rest = ""
            else:  # one Esc right after another
                keys.append("Esc")
                self._rest = self._rest[1:]
        return [key for key in keys if key is not None]


def windows_key(first: str, second: str) -> str | None:
    """The key of what `msvcrt.getwch` gives: one character, and for keys without one a second."""
    if second:
        return _WINDOWS.get(second)
    return "Esc" if first == "\x1b" else _key(first)


def _key(character: str) -> str | None:
    return _CONTROLS.get(character) or key_of_character(character)
