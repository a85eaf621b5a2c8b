"""What the annotation window shows."""

from __future__ import annotations

import textwrap

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.landmarks import EYES, INNER_LIPS, face_triangles
from live.annotate.editor import Editor

#: The picture is shown no larger than this, `(width, height)`, and no smaller than this wide; text needs room.
_MOST, _LEAST_WIDTH = (1100, 800), 560
_BAR, _LINE = 66, 20
_MESH, _FOLDED, _PLACED, _GUESSED = (0, 200, 255), (255, 40, 40), (255, 60, 200), (255, 255, 255)
_KEYS = "Enter: save   U: undo   R: reset   M: mesh   Esc: leave without saving"


def shown_scale(width: int, height: int) -> float:
    """Shown pixels for each of the picture's."""
    return max(min(_MOST[0] / width, _MOST[1] / height, 2.0), _LEAST_WIDTH / width)


def draw(picture: Frame, editor: Editor, *, mesh: bool = True) -> Frame:
    """The picture `(H, W, 3)`, already scaled by `shown_scale`, with points and mesh, above a bar of text.

    Args:
        picture: the picture at the size at which it is shown.
        editor: what was placed, in the shown picture's pixels.
        mesh: show the fitted mesh.
    """
    canvas = picture.copy()
    face = editor.face
    if face is not None and mesh:
        places = np.round(face.landmarks[:, :2] * 16).astype(np.int32)
        layer = canvas.copy()
        cv2.polylines(layer, list(places[face_triangles()]), True, _MESH, 1, cv2.LINE_AA, 4)
        canvas = np.asarray(cv2.addWeighted(canvas, 0.65, layer, 0.35, 0), np.uint8)
        cv2.polylines(canvas, list(places[face_triangles()[face.folded]]), True, _FOLDED, 1, cv2.LINE_AA, 4)
        for outline in (*(eye.outline for eye in EYES), INNER_LIPS):
            cv2.polylines(canvas, [places[outline]], True, _MESH, 1, cv2.LINE_AA, 4)
    for name, place in (editor.points if face is None else face.points).items():
        at = (round(place[0]), round(place[1]))
        cv2.circle(canvas, at, 5, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(canvas, at, 4, _PLACED if name in editor.points else _GUESSED, -1, cv2.LINE_AA)
    bar = np.full((_BAR, canvas.shape[1], 3), 30, np.uint8)
    for row, line in enumerate([*textwrap.wrap(_advice(editor), canvas.shape[1] // 8)[:2], _KEYS]):
        at = (8, _LINE * (row + 1) - 4)
        cv2.putText(bar, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([canvas, bar])


def _advice(editor: Editor) -> str:
    """What to do next."""
    if editor.wanted is not None:
        return f"Click: {editor.wanted.where}"
    if editor.face is None:
        return f"{editor.problem}; drag the points, or undo"
    if len(editor.face.folded):
        return "Where the mesh is red the points contradict each other: drag them apart"
    return "Drag any point that is not where it belongs, eyes, brows and lips above all"
