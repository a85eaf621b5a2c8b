from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.terminal.decoding import ESCAPE_S, Decoder, windows_key


@pytest.mark.parametrize(
    ("received", "keys"),
    [
        (b"xX7? ", ["x", "Shift-X", "7", "?", "Space"]),
        (b"\x1b[D\x1bOD\x1b[C", ["Left", "Left", "Right"]),
        (b"\x1b[5~\x1b[3~\x1bOP\x1b[15~\x1b[[A", ["PageUp", "Delete", "F1", "F5", "F1"]),
        (b"a\x1b[Ab", ["a", "Up", "b"]),
        (b"\x1b[1;2A\x1b[200~x", ["x"]),  # Shift-Up and the like are left out whole
        (b"\x1bx", []),  # Alt-x
        ("äÄ".encode(), ["ä", "Shift-Ä"]),
        (b"\r\n\t\x7f", ["Enter", "Enter", "Tab", "Backspace"]),
        (b"\x00\x01\xff", ["\ufffd"]),
    ],
)
def test_keys_are_read(received: bytes, keys: list[str]) -> None:
    assert Decoder().keys(received, 0.0) == keys


def test_esc_is_a_key_once_nothing_follows_it() -> None:
    decoder = Decoder()
    assert decoder.keys(b"\x1b", 0.0) == []
    assert decoder.keys(b"", 0.9 * ESCAPE_S) == []
    assert decoder.keys(b"", ESCAPE_S) == ["Esc"]
    assert decoder.keys(b"", 9.0) == []


def test_a_sequence_may_come_in_pieces() -> None:
    decoder = Decoder()
    assert [decoder.keys(bytes([byte]), i * 0.05) for i, byte in enumerate(b"\x1b[D")] == [[], [], ["Left"]]


def test_a_letter_may_come_in_pieces() -> None:
    decoder = Decoder()
    assert decoder.keys(b"\xc3", 0.0) + decoder.keys(b"\xa4", 0.0) == ["ä"]


def test_esc_twice_is_two_keys() -> None:
    decoder = Decoder()
    assert decoder.keys(b"\x1b\x1b", 0.0) == ["Esc"]
    assert decoder.keys(b"", 1.0) == ["Esc"]


@given(st.binary(max_size=40))
def test_whatever_comes_is_done_with(received: bytes) -> None:
    decoder = Decoder()
    decoder.keys(received, 0.0)
    decoder.keys(b"", 1.0)
    decoder.keys(b"", 2.0)
    assert decoder.keys(b"x", 3.0)[-1:] == ["x"]


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("x", "", "x"),
        ("X", "", "Shift-X"),
        ("\x1b", "", "Esc"),
        ("\xe0", "K", "Left"),
        ("\xe0", "M", "Right"),
        ("\x00", ";", "F1"),
        ("\x00", "\x7f", None),
        ("\xe0", "", "à"),
    ],
)
def test_keys_under_windows(first: str, second: str, key: str | None) -> None:
    assert windows_key(first, second) == key
