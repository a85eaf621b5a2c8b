"""What the preview window shows: gathered from the session once a frame, and switched by commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from live.gallery import Thumbnail
from live.hotkeys import Command
from live.window import Camera, Ghost, Mark, Search, Status, View

if TYPE_CHECKING:
    from live.window.window import Window

#: Numbers that change more often than this, in seconds, cannot be read.
_STATUS_EVERY_S = 0.4

#: How much more or less of the avatar one command lays over the camera.
_OVERLAY_STEP = 0.1

#: What the switches say when they are switched on, and off.
_SWITCHES = {
    Command.MIRROR_PREVIEW: ("the preview is mirrored", "the preview is not mirrored"),
    Command.LANDMARKS: ("landmarks shown", "landmarks hidden"),
    Command.STATS: ("numbers shown", "numbers hidden"),
    Command.HELP: ("help shown", "help hidden"),
}

_NO_WINDOW = "there is no preview window to show it in"


class Preview:
    """The window's switches, and what they make of a moment of the session.

    Args:
        window: where it is shown; None shows nothing, and every command says so.
        mirrored: begin with the panes mirrored.
    """

    def __init__(self, window: Window | None, *, mirrored: bool = False) -> None:
        self.window = window
        self._on = dict.fromkeys(_SWITCHES, False)
        self._on |= {Command.MIRROR_PREVIEW: mirrored, Command.STATS: True}
        self._overlay = 0.0
        self._status: Status | None = None
        self._status_at = float("-inf")

    def commands(self) -> Mapping[Command, Callable[[], str]]:
        """The commands that concern the window alone."""
        return {
            **{command: partial(self._switch, command) for command in _SWITCHES},
            Command.OVERLAY_MORE: partial(self._fade, _OVERLAY_STEP),
            Command.OVERLAY_LESS: partial(self._fade, -_OVERLAY_STEP),
        }

    def show(
        self,
        *,
        camera: Camera | None,
        avatar: Any,
        status: Callable[[], Status],
        search: Search | None = None,
        alarm: str = "",
        marks: Sequence[Mark] = (),
        recording_s: float | None = None,
        thumbnails: Sequence[Thumbnail] = (),
        notices: Sequence[str] = (),
    ) -> None:
        """What the window shows with the next frame that is sent.

        Args:
            avatar: the state of the current one, for the overlay.
            status: asked for a few times a second.
            camera, search, alarm, marks, recording_s, thumbnails, notices: see `live.window.View`.
        """
        if self.window is None:
            return
        now = time.monotonic()
        if now - self._status_at >= _STATUS_EVERY_S:
            self._status, self._status_at = status(), now
        ghost = None
        if self._overlay > 0:
            ghost = Ghost(avatar.portrait, getattr(avatar, "landmarks", None), self._overlay)
        view = View(
            camera=camera,
            ghost=ghost,
            search=search,
            status=self._status,
            numbers=self._on[Command.STATS],
            alarm=alarm,
            marks=marks,
            recording_s=recording_s,
            thumbnails=thumbnails,
            notices=notices,
            landmarks=self._on[Command.LANDMARKS],
            mirrored=self._on[Command.MIRROR_PREVIEW],
            keys=self.window.hotkeys.rows() if self._on[Command.HELP] else (),
        )
        self.window.preview(view)

    def _switch(self, command: Command) -> str:
        if self.window is None:
            return _NO_WINDOW
        self._on[command] = not self._on[command]
        return _SWITCHES[command][0 if self._on[command] else 1]

    def _fade(self, by: float) -> str:
        if self.window is None:
            return _NO_WINDOW
        self._overlay = min(max(0.0, round(self._overlay + by, 2)), 1.0)
        return f"avatar over the camera: {self._overlay:.0%}"
