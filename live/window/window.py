"""The preview window as a sink that also takes keys."""

from __future__ import annotations

import contextlib
import threading
import time

from fomm.animators.base import Frame
from fomm.errors import SinkError
from live.frames import OutputFrame
from live.hotkeys import Command, Hotkeys
from live.requests import Request
from live.sinks.base import Sink
from live.slot import Slot
from live.window.display import Display, KeyPress, Mouse
from live.window.drawing import Painter
from live.window.view import View

TITLE = "FOMM Live"

#: Width and height of the window as it opens, in pixels; it can be resized.
_OPENS_AT = (1280, 500)

#: Smaller than this, in pixels, nothing can be made out: windows are this large while they are being minimised.
_SMALLEST = (64, 48)

#: No more redraws a second than this.
_MAX_RATE = 30.0

#: A key that is held goes on giving these; switches would flicker.
_REPEATABLE = {command for command in Command if command.value.startswith(("zoom-", "shift-", "overlay-"))}

#: The toolkit may take no more than this share of the loop's time: on a slow display the window is redrawn less
#: often, and the output goes on as fast as without it.
_SHARE = 0.1


class Window(Sink):
    """Shows the driver beside the result. The only place where the driver's own picture is ever shown.

    Must be made and used in the main thread, as every GUI toolkit wants it; the drawing is done in another, and only
    the newest frame is ever drawn.

    Args:
        size: `(width, height)` of the output.
        hotkeys: what its keys mean.

    Attributes:
        hotkeys: the same.

    Raises:
        SinkError: there is no display.
    """

    name = "window"

    def __init__(self, size: tuple[int, int], hotkeys: Hotkeys | None = None) -> None:
        super().__init__(size)
        self._open = False
        self.hotkeys = hotkeys or Hotkeys()
        try:
            self._display = Display(TITLE, _OPENS_AT, resizable=True)
        except SinkError as error:
            raise SinkError(
                f"no preview window: {error}; use --sink vcam or --sink FILE.mp4 instead"
            ) from None
        self._open = True
        self._view = View()
        self._pressed: list[Command] = []
        self._refreshed_at, self._pause = float("-inf"), 0.0
        self._space = _OPENS_AT
        self._failure: Exception | None = None
        self._asked: Slot[tuple[Frame, View, tuple[int, int]]] = Slot()
        self._painted: Slot[Frame] = Slot()
        self._thread = threading.Thread(target=self._paint, name="window", daemon=True)
        self._thread.start()

    def preview(self, view: View) -> None:
        """What the next `send` shows besides the result."""
        self._view = view

    def requests(self) -> list[Request]:
        """What the keys pressed since the last call ask for; closing the window is "quit"."""
        if not self._open:
            return []
        with contextlib.suppress(SinkError):  # the next `send` tells
            self._refresh()
        pressed, self._pressed = self._pressed, []
        return [Request(command) for command in pressed]

    def _send(self, frame: OutputFrame, _timestamp: float) -> None:
        if not self._asked.replace((frame, self._view, self._space)):
            raise SinkError(f"the preview window cannot be drawn ({self._failure})")
        self._refresh()

    def _refresh(self) -> None:
        """Show what has been drawn, and let the toolkit do its work, unless it has just done so."""
        started = time.monotonic()
        if started - self._refreshed_at < self._pause:
            return
        painted = self._painted.take(timeout=0.0)
        if painted is not None:
            self._display.show(painted)
        for event in self._display.events():
            if isinstance(event, KeyPress):
                command = self.hotkeys.command_for(event.key)
                if command is not None and (command in _REPEATABLE or not event.held):
                    self._pressed.append(command)
            elif not isinstance(event, Mouse):
                self._pressed.append(Command.QUIT)
        space = self._display.size
        if space[0] >= _SMALLEST[0] and space[1] >= _SMALLEST[1]:
            self._space = space
        self._refreshed_at = time.monotonic()
        self._pause = max(0.8 / _MAX_RATE, (self._refreshed_at - started) / _SHARE)

    def _paint(self) -> None:
        painter = Painter()
        try:
            while not self._asked.ended:
                if (asked := self._asked.take(timeout=1.0)) is not None:
                    self._painted.replace(painter.paint(*asked).copy())
        except Exception as error:  # the session, which is told at its next frame, goes on without a window
            self._failure = error
            self._asked.close()

    def _close(self) -> None:
        self._view = View()
        self._asked.close()
        self._thread.join(2.0)
        self._painted.close()
        self._display.close()
