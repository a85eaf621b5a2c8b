"""The window in which points are placed: its keys and its mouse go to the editor."""

from __future__ import annotations

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.annotation import Points
from fomm.errors import SinkError
from fomm.native_stderr import quiet_native_stderr
from live.annotate.drawing import draw, shown_scale
from live.annotate.editor import Editor
from live.hotkeys import key_of_code
from live.window import why_no_window

TITLE = "FOMM Live: mark the face"

#: How near a point the mouse must be to take hold of it, in shown pixels.
_REACH = 14.0


def place_points(pixels: Frame, points: Points | None) -> dict[str, tuple[float, float]] | None:
    """Have a person place the points in a picture; None where they leave without saving.

    Args:
        pixels: `(H, W, 3)` RGB.
        points: those to begin with.

    Raises:
        SinkError: there is no display.
    """
    if (reason := why_no_window()) is not None:
        raise SinkError(f"no window: {reason}; give the points with --point or --points instead")
    height, width = pixels.shape[:2]
    scale = shown_scale(width, height)
    picture = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    editor = Editor({name: (x * scale, y * scale) for name, (x, y) in (points or {}).items()})
    changed = [True]

    def on_mouse(event: int, x: int, y: int, flags: int, _data: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN and y < picture.shape[0]:
            editor.press((float(x), float(y)), _REACH)
        elif event == cv2.EVENT_MOUSEMOVE and flags & cv2.EVENT_FLAG_LBUTTON:
            editor.move((float(x), float(y)))
        elif event == cv2.EVENT_LBUTTONUP:
            editor.release()
        changed[0] = True

    try:
        with quiet_native_stderr():
            cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
            cv2.setMouseCallback(TITLE, on_mouse)
        return _edit(picture, editor, changed, scale)
    except cv2.error as error:
        raise SinkError(
            f"no window: {error.err or error}; give the points with --point or --points"
        ) from None
    finally:
        cv2.destroyAllWindows()


def _edit(
    picture: Frame, editor: Editor, changed: list[bool], scale: float
) -> dict[str, tuple[float, float]] | None:
    mesh = True
    while True:
        if changed[0]:
            changed[0] = False
            cv2.imshow(TITLE, cv2.cvtColor(draw(picture, editor, mesh=mesh), cv2.COLOR_RGB2BGR))
        key = key_of_code(cv2.waitKeyEx(15))
        if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1 or key in ("Esc", "q"):
            return None
        if key == "Enter" and editor.face is not None:
            return {name: (x / scale, y / scale) for name, (x, y) in editor.points.items()}
        if key in ("u", "Backspace"):
            editor.undo()
        elif key == "r":
            editor.reset()
        elif key == "m":
            mesh = not mesh
        changed[0] = changed[0] or key is not None
