"""The preview window: the driver's camera, the result, the keys."""

from __future__ import annotations

import ctypes
import os
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import SinkError
from fomm.native_stderr import quiet_native_stderr
from live.frames import OutputFrame
from live.hotkeys import Command, Hotkeys, key_of_code
from live.requests import Request
from live.sinks.base import Sink

TITLE = "FOMM Live"

#: Height of both panes, in pixels; the window itself can be resized.
_HEIGHT = 480

#: Height of a line of text, in pixels.
_LINE = 22

#: How many characters of text fit across a pane.
_COLUMNS = 80

#: No more redraws a second than this: drawing takes time from the loop.
_MAX_RATE = 30.0


class Window(Sink):
    """Shows the driver beside the result. The only place where the driver's own picture is ever shown.

    Must be made and used in the main thread, as every GUI toolkit wants it.

    Args:
        size: `(width, height)` of the output.
        hotkeys: what its keys mean.

    Raises:
        SinkError: there is no display.
    """

    name = "window"

    def __init__(self, size: tuple[int, int], hotkeys: Hotkeys | None = None) -> None:
        super().__init__(size)
        self._open = False
        self._hotkeys = hotkeys or Hotkeys()
        if (reason := why_no_window()) is not None:
            raise SinkError(f"no preview window: {reason}; use --sink vcam or --sink FILE.mp4 instead")
        try:
            with quiet_native_stderr():
                cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
                cv2.resizeWindow(TITLE, 2 * round(_HEIGHT * size[0] / size[1]), _HEIGHT)
                cv2.waitKey(1)
        except cv2.error as error:
            raise SinkError(
                f"no preview window: {error.err or error}; this OpenCV has no windows, "
                "use --sink vcam or --sink FILE.mp4 instead"
            ) from None
        self._open = True
        self._driver: Frame | None = None
        self._lines: Sequence[str] = ()
        self._drawn_at = self._polled_at = 0.0
        self._shown_once = False
        self.showing_help = False
        self.showing_rate = True

    def preview(self, driver: Frame | None, lines: Sequence[str]) -> None:
        """What the next `send` shows beside the result: the driver's picture, and lines of text."""
        self._driver, self._lines = driver, lines

    def requests(self) -> list[Request]:
        """The commands given since the last call; closing the window is "quit"."""
        now = time.monotonic()
        if not self._open or now - self._polled_at < 0.8 / _MAX_RATE:
            return []
        self._polled_at = now
        commands = []
        while (code := cv2.waitKeyEx(1)) != -1:
            if (command := self._hotkeys.command_for(key_of_code(code))) is not None:
                commands.append(command)
        if self._shown_once and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            commands.append(Command.QUIT)
        return [Request(command) for command in commands]

    def _send(self, frame: OutputFrame, _timestamp: float) -> None:
        now = time.monotonic()
        if now - self._drawn_at < 0.8 / _MAX_RATE:
            return
        self._drawn_at = now
        pane = _scaled(frame)
        _write(pane, [(part,) for line in self._lines for part in textwrap.wrap(line, _COLUMNS)], 0)
        if self.showing_help:
            rows = self._hotkeys.rows()
            _write(pane, rows, max(0, pane.shape[0] - _panel_height(rows)))
        if self._driver is not None:
            pane = np.hstack([_scaled(self._driver), pane])
        cv2.imshow(TITLE, cv2.cvtColor(pane, cv2.COLOR_RGB2BGR))
        self._shown_once = True

    def _close(self) -> None:
        self._driver = None
        try:
            cv2.destroyWindow(TITLE)
            cv2.waitKey(1)
        except cv2.error:
            pass  # the user has closed it already


def why_no_window() -> str | None:
    """Why no window can be opened here, or None where one can.

    Qt, which draws OpenCV's windows on Linux, aborts the whole process where it finds no display: what it
    needs is tried here first.
    """
    if not sys.platform.startswith("linux"):
        return None
    if not os.environ.get("DISPLAY"):
        # OpenCV's Qt speaks X11 only; Wayland sessions offer it through XWayland, which sets DISPLAY.
        return "no display (DISPLAY is not set)"
    try:
        for plugin in (Path(cv2.__file__).parent / "qt" / "plugins" / "platforms").glob("libqxcb.so"):
            ctypes.CDLL(str(plugin))
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        return f"a library is missing ({error})"
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return f"the display {os.environ['DISPLAY']} does not answer" if failed else None


def _scaled(frame: Frame) -> Frame:
    """A copy, `_HEIGHT` pixels high."""
    height, width = frame.shape[:2]
    size = (max(1, round(width * _HEIGHT / height)), _HEIGHT)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8).copy()


def _panel_height(rows: Sequence[tuple[str, ...]]) -> int:
    return _LINE * len(rows) + 10


def _write(pane: Frame, rows: Sequence[tuple[str, ...]], top: int) -> None:
    """Rows of text over a darkened strip of the pane, the second column aligned."""
    if not rows:
        return
    strip = pane[top : top + _panel_height(rows)]
    np.copyto(strip, strip // 3)
    for number, row in enumerate(rows):
        for text, left in zip(row, (10, 110), strict=False):
            at = (left, top + _LINE * number + 20)
            cv2.putText(pane, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
