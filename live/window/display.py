"""A window of the desktop, through SDL: it shows pictures and tells which keys and what the mouse did.

OpenCV's own windows will not do: under Linux they report a letter with Shift as the letter alone, lose keys that
come quickly, and end the whole process where there is no display.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fomm.animators.base import Frame
from fomm.errors import SinkError
from live.hotkeys import key_of_character
from live.leaving import without_finalising

if TYPE_CHECKING:
    import pygame

#: A key that is held repeats itself after the first of these, and then every second one, in milliseconds.
_REPEAT_MS = (400, 50)


@dataclass(frozen=True)
class KeyPress:
    """A key went down.

    Attributes:
        key: as `live.hotkeys` spells it.
        held: whether it has been down for a while, and repeats itself.
    """

    key: str
    held: bool = False


@dataclass(frozen=True)
class Mouse:
    """The mouse's left button went down or up, or the mouse moved while it was down; in pixels, x first."""

    kind: Literal["press", "move", "release"]
    at: tuple[int, int]


@dataclass(frozen=True)
class Closed:
    """The user has closed the window."""


Event: TypeAlias = KeyPress | Mouse | Closed


class Display:
    """One window; a program has no more than one at a time. For the main thread alone, as SDL wants it.

    Args:
        title: shown in the window's frame.
        size: `(width, height)` in pixels as it opens.
        resizable: whether the user may change it.

    Raises:
        SinkError: no window can be opened here; the message is the reason alone.
    """

    def __init__(self, title: str, size: tuple[int, int], *, resizable: bool) -> None:
        reason = why_no_window()
        if reason is not None:
            raise SinkError(reason)
        self._pygame = _pygame()
        self._down: set[int] = set()
        try:
            self._pygame.display.set_mode(size, self._pygame.RESIZABLE if resizable else 0)
            self._pygame.display.set_caption(title)
            self._pygame.key.set_repeat(*_REPEAT_MS)
            self._lost = _Lost(self._pygame)
        except self._pygame.error as error:
            raise SinkError(str(error)) from None

    @property
    def size(self) -> tuple[int, int]:
        """`(width, height)` as it is now."""
        return self._surface().get_size()

    def show(self, picture: Frame) -> None:
        """Show `(H, W, 3)` uint8 RGB, as large as it is.

        Raises:
            SinkError: the display is gone.
        """
        self._check()
        height, width = picture.shape[:2]
        surface = self._surface()
        if surface.get_size() != (width, height):  # it has just been resized
            surface.fill(0)
        surface.blit(self._pygame.image.frombuffer(picture.data, (width, height), "RGB"), (0, 0))
        self._pygame.display.flip()

    def events(self) -> list[Event]:
        """What has happened since the last call. The desktop calls a window hung that does not ask for long."""
        self._check()
        pygame = self._pygame
        events: list[Event] = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                events.append(Closed())
            elif event.type == pygame.KEYDOWN:
                held = event.scancode in self._down
                self._down.add(event.scancode)
                if (key := key_of_event(pygame, event)) is not None:
                    events.append(KeyPress(key, held))
            elif event.type == pygame.KEYUP:
                self._down.discard(event.scancode)
            elif event.type == pygame.WINDOWFOCUSLOST:  # who lets a key go elsewhere is not heard here
                self._down.clear()
            elif event.type == pygame.WINDOWEXPOSED:
                pygame.display.flip()
            elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                events.append(Mouse("press", event.pos))
            elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
                events.append(Mouse("release", event.pos))
            elif event.type == pygame.MOUSEMOTION and event.buttons[0]:
                events.append(Mouse("move", event.pos))
        return events

    def close(self) -> None:
        """Take the window away; idempotent."""
        if self._lost:
            without_finalising()  # SDL would wait for the server's answer
        else:
            self._pygame.display.quit()

    def _check(self) -> None:
        if self._lost:
            raise SinkError("the display is gone")

    def _surface(self) -> pygame.Surface:
        surface: pygame.Surface = self._pygame.display.get_surface()
        return surface


class _Lost:
    """Whether the X server has gone. Without this its library would end the process, call and recording with it.

    Args:
        pygame: the library, with an open window.
    """

    def __init__(self, pygame: ModuleType) -> None:
        self._gone = False
        if pygame.display.get_driver() != "x11":
            return
        pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
        pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        display = pointer_of(pygame.display.get_wm_info()["display"], b"display")

        def note(_display: int, _data: int) -> None:
            self._gone = True

        went = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(note)
        quietly = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: 0)
        _HANDLERS.extend([went, quietly])
        with contextlib.suppress(OSError, AttributeError):  # libX11 before 1.7 knows no way but the end
            xlib = ctypes.CDLL("libX11.so.6")
            xlib.XSetIOErrorExitHandler.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
            xlib.XSetIOErrorExitHandler(display, went, None)
            xlib.XSetIOErrorHandler(quietly)

    def __bool__(self) -> bool:
        return self._gone


#: What X11's library may call for as long as the process lives.
_HANDLERS: list[Any] = []


def why_no_window() -> str | None:
    """Why no window can be opened here, or None where one can."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "no display (DISPLAY is not set)"
    pygame = _pygame()
    try:
        pygame.display.init()
    except pygame.error as error:
        shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or ""
        return f"the display {shown} does not answer ({error})".replace("  ", " ")
    return None


def key_of_event(pygame: ModuleType, event: Any) -> str | None:
    """The key of a KEYDOWN, as `live.hotkeys` spells it; None for modifiers alone, and for what has no name there.

    Caps Lock makes no difference. With Control, Alt or the system's key it is the desktop's, and not ours; but on
    many keyboards some characters are typed with AltGr.
    """
    if (name := _named_keys(pygame).get(event.key)) is not None:
        return name
    typed = event.unicode
    elsewhere = pygame.KMOD_CTRL | pygame.KMOD_LALT | pygame.KMOD_GUI
    if event.mod & elsewhere and not event.mod & (pygame.KMOD_RALT | pygame.KMOD_MODE):
        return None
    if len(typed) == 1 and typed.lower() != typed.upper():
        typed = typed.upper() if event.mod & pygame.KMOD_SHIFT else typed.lower()
    return key_of_character(typed)


def _named_keys(pygame: ModuleType) -> Mapping[int, str]:
    return {
        pygame.K_ESCAPE: "Esc",
        pygame.K_SPACE: "Space",
        pygame.K_RETURN: "Enter",
        pygame.K_KP_ENTER: "Enter",
        pygame.K_TAB: "Tab",
        pygame.K_BACKSPACE: "Backspace",
        pygame.K_LEFT: "Left",
        pygame.K_UP: "Up",
        pygame.K_RIGHT: "Right",
        pygame.K_DOWN: "Down",
        pygame.K_PAGEUP: "PageUp",
        pygame.K_PAGEDOWN: "PageDown",
        pygame.K_HOME: "Home",
        pygame.K_END: "End",
        pygame.K_DELETE: "Delete",
        **{pygame.K_F1 + i: f"F{i + 1}" for i in range(12)},
    }


def _pygame() -> Any:
    """The library, told how to behave as a guest on the desktop. It is told nothing that the user has told it."""
    on = [
        name for name, given in (("x11", "DISPLAY"), ("wayland", "WAYLAND_DISPLAY")) if os.environ.get(given)
    ]
    behaviour = {
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "SDL_NO_SIGNAL_HANDLERS": "1",
        "SDL_VIDEO_ALLOW_SCREENSAVER": "1",
        "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # which would switch the desktop's effects off
        "SDL_VIDEO_X11_WMCLASS": "fomm-live",
    }
    if sys.platform.startswith("linux") and on:
        behaviour["SDL_VIDEODRIVER"] = ",".join(on)  # and never the bare console
        if on[0] == "x11":  # where there is no GPU, the other way takes ten times as long
            behaviour["SDL_FRAMEBUFFER_ACCELERATION"] = "0"
    for name, value in behaviour.items():
        os.environ.setdefault(name, value)
    import pygame

    return pygame
