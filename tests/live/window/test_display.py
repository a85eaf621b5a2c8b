"""What SDL reports, as keys."""

from __future__ import annotations

import os
import sys

import pytest

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

from live.window.display import key_of_event, why_no_window

CAPS, SHIFT, NUM = pygame.KMOD_CAPS, pygame.KMOD_LSHIFT, pygame.KMOD_NUM
CTRL, ALT, ALT_GR = pygame.KMOD_LCTRL, pygame.KMOD_LALT, pygame.KMOD_RALT


@pytest.mark.parametrize(
    ("key", "typed", "modifiers", "expected"),
    [
        (pygame.K_p, "p", 0, "p"),
        (pygame.K_p, "P", SHIFT, "Shift-P"),
        (pygame.K_p, "P", CAPS, "p"),
        (pygame.K_p, "p", CAPS | SHIFT, "Shift-P"),
        (pygame.K_p, "p", NUM, "p"),
        (pygame.K_SLASH, "?", SHIFT, "?"),
        (pygame.K_SPACE, " ", 0, "Space"),
        (pygame.K_ESCAPE, "\x1b", 0, "Esc"),
        (pygame.K_KP_ENTER, "\r", 0, "Enter"),
        (pygame.K_LEFT, "", 0, "Left"),
        (pygame.K_F1, "", 0, "F1"),
        (pygame.K_F12, "", 0, "F12"),
        (pygame.K_KP9, "9", NUM, "9"),
        (pygame.K_KP9, "", 0, None),
        (pygame.K_LSHIFT, "", SHIFT, None),
        (pygame.K_p, "\x10", CTRL, None),
        (pygame.K_p, "p", ALT, None),
        (pygame.K_8, "[", ALT_GR, "["),
        (pygame.K_8, "[", CTRL | ALT_GR, "["),  # AltGr, as Windows reports it
        (0xE4, "ä", 0, "ä"),
        (0xE4, "Ä", SHIFT, "Shift-Ä"),
    ],
)
def test_what_a_key_is_called(key: int, typed: str, modifiers: int, expected: str | None) -> None:
    event = pygame.event.Event(pygame.KEYDOWN, key=key, unicode=typed, mod=modifiers, scancode=1)
    assert key_of_event(pygame, event) == expected


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 displays are looked for on Linux only")
def test_a_display_that_is_not_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert why_no_window() == "no display (DISPLAY is not set)"
    monkeypatch.setenv("DISPLAY", ":987")
    assert "the display :987 does not answer" in str(why_no_window())
