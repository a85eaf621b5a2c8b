"""The window in which points are placed: its keys and its mouse go to the editor."""

from __future__ import annotations

import time

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.annotation import Points
from fomm.errors import SinkError
from live.annotate.drawing import draw, shown_scale
from live.annotate.editor import Editor
from live.window.display import Closed, Display, Mouse

TITLE = "FOMM Live: mark the face"

#: How near a point the mouse must be to take hold of it, in shown pixels.
_REACH = 14.0

#: Seconds between two looks at mouse and keys.
_TICK_S = 0.015


def place_points(pixels: Frame, points: Points | None) -> dict[str, tuple[float, float]] | None:
    """Have a person place the points in a picture; None where they leave without saving.

    Args:
        pixels: `(H, W, 3)` RGB.
        points: those to begin with.

    Raises:
        SinkError: there is no display.
    """
    height, width = pixels.shape[:2]
    scale = shown_scale(width, height)
    picture = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    editor = Editor({name: (x * scale, y * scale) for name, (x, y) in (points or {}).items()})
    first = draw(picture, editor, mesh=True)
    try:
        display = Display(TITLE, (first.shape[1], first.shape[0]), resizable=False)
    except SinkError as error:
        raise SinkError(f"no window: {error}; give the points with --point or --points instead") from None
    try:
        if not _edit(display, picture, editor):
            return None
    finally:
        display.close()
    return {name: (x / scale, y / scale) for name, (x, y) in editor.points.items()}


def _edit(display: Display, picture: Frame, editor: Editor) -> bool:
    """Until the user saves, which is true, or leaves."""
    mesh = changed = True
    while True:
        if changed:
            display.show(draw(picture, editor, mesh=mesh))
        events = display.events()
        changed = bool(events)
        for event in events:
            if isinstance(event, Closed):
                return False
            if isinstance(event, Mouse):
                _point(editor, event, picture)
            elif event.key in ("Esc", "q"):
                return False
            elif event.key == "Enter" and editor.face is not None:
                return True
            elif event.key in ("u", "Backspace"):
                editor.undo()
            elif event.key == "r":
                editor.reset()
            elif event.key == "m":
                mesh = not mesh
        time.sleep(_TICK_S)


def _point(editor: Editor, mouse: Mouse, picture: Frame) -> None:
    x, y = mouse.at
    if mouse.kind == "press" and y < picture.shape[0]:  # below it is what to do next
        editor.press((float(x), float(y)), _REACH)
    elif mouse.kind == "move":
        editor.move((float(x), float(y)))
    elif mouse.kind == "release":
        editor.release()
