"""Where avatars appear in the output: its size, and the user's zoom and shift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fomm.faces import face_box
from live.composer import Fit, Layout, View, lay_out
from live.frames import OutputFrame
from live.gallery import PreparedAvatar
from live.hotkeys import Command

#: What one key press does: factor of the zoom, and shifts in parts of the output.
_ZOOM, _SHIFT, _FINE = 1.05, 0.02, 0.004
#: As far as it goes.
_SMALLEST, _LARGEST, _FARTHEST = 0.5, 4.0, 0.45

_SHIFTS = {
    Command.SHIFT_UP: (0.0, -_SHIFT),
    Command.SHIFT_DOWN: (0.0, _SHIFT),
    Command.SHIFT_LEFT: (-_SHIFT, 0.0),
    Command.SHIFT_RIGHT: (_SHIFT, 0.0),
    Command.SHIFT_UP_FINE: (0.0, -_FINE),
    Command.SHIFT_DOWN_FINE: (0.0, _FINE),
    Command.SHIFT_LEFT_FINE: (-_FINE, 0.0),
    Command.SHIFT_RIGHT_FINE: (_FINE, 0.0),
}


@dataclass(frozen=True, eq=False)
class Arranged:
    """One avatar in the output.

    Attributes:
        layout: where its frames go.
        rest: the output frame of its neutral portrait.
    """

    layout: Layout
    rest: OutputFrame


class Arrangement:
    """The same for every avatar of a session.

    Args:
        size: `(width, height)` of the output.
        fit: how a picture of another shape fills it.
        mirrored: begin with everything mirrored.

    Attributes:
        size, fit, mirrored: may be changed between frames.
        view: zoom and shift; shifts are as seen in the output, mirrored or not.
    """

    def __init__(self, size: tuple[int, int], fit: Fit, *, mirrored: bool = False) -> None:
        self.size, self.fit, self.mirrored = size, fit, mirrored
        self.view = View()
        self._made: tuple[object, Arranged] | None = None

    @property
    def version(self) -> object:
        """Equal as long as the same avatar would be arranged in the same way."""
        return self.size, self.fit, self.mirrored, self.view

    def of(self, avatar: PreparedAvatar) -> Arranged:
        """An avatar's place: the same object as long as nothing changes."""
        key = (avatar, self.version)
        if self._made is None or self._made[0] != key:
            self._made = key, self._arrange(avatar)
        return self._made[1]

    def commands(self) -> Mapping[Command, Callable[[], str]]:
        """Zoom and shift."""
        return {
            Command.ZOOM_IN: partial(self._zoom, _ZOOM),
            Command.ZOOM_OUT: partial(self._zoom, 1 / _ZOOM),
            **{command: partial(self._shift, *by) for command, by in _SHIFTS.items()},
            Command.RESET_VIEW: self._reset,
        }

    def _arrange(self, avatar: PreparedAvatar) -> Arranged:
        layout, rest = avatar.layout, avatar.rest
        if layout.size == self.size and self.view == View():
            return Arranged(
                layout, OutputFrame(np.ascontiguousarray(rest[:, ::-1])) if self.mirrored else rest
            )
        # What is not ready to be driven has no portrait of its own: what was to be shown of it serves as one.
        portrait = avatar.state.portrait if avatar.ready else rest
        if layout.size != self.size or not avatar.ready:
            landmarks = getattr(avatar.state, "landmarks", None)
            face = None if landmarks is None else face_box(landmarks)
            layout = lay_out(portrait, self.size, self.fit, face=face)
        view = replace(self.view, right=-self.view.right) if self.mirrored else self.view
        layout = layout.viewed(view, portrait, self.fit)
        return Arranged(layout, OutputFrame(layout.compose(portrait, mirror=self.mirrored).copy()))

    def _zoom(self, by: float) -> str:
        zoom = min(max(_SMALLEST, self.view.zoom * by), _LARGEST)
        if abs(zoom - 1) < 0.01:  # back where it was, to the bit
            zoom = 1.0
        self.view = replace(self.view, zoom=zoom)
        return f"zoom {zoom:.0%}"

    def _shift(self, right: float, down: float) -> str:
        before = self.view
        moved = (round(before.right + right, 4), round(before.down + down, 4))
        x, y = (min(max(-_FARTHEST, place), _FARTHEST) for place in moved)
        self.view = replace(before, right=x, down=y)
        return f"shifted {x:+.1%} to the right, {y:+.1%} down"

    def _reset(self) -> str:
        self.view = View()
        return "zoom and shift undone"
