from __future__ import annotations

import math

import numpy as np
import pytest

from fomm.annotation import KEY_POINTS
from live.annotate.drawing import draw, shown_scale
from live.annotate.editor import Editor
from tests.fomm.annotation.test_fitting import key_points


def placed() -> Editor:
    editor = Editor()
    for point in KEY_POINTS:
        editor.press(key_points()[point.name], 14)
        editor.release()
    return editor


def test_the_key_points_are_asked_for_one_after_the_other() -> None:
    editor = Editor()
    asked = []
    for point in KEY_POINTS:
        assert editor.face is None
        assert editor.wanted is not None
        asked.append(editor.wanted.name)
        editor.press(key_points()[point.name], 14)
        editor.release()
    assert asked == [point.name for point in KEY_POINTS]
    assert editor.wanted is None
    assert editor.face is not None
    assert editor.points == key_points()


def test_any_point_can_be_dragged_and_the_mesh_follows_live() -> None:
    editor = placed()
    assert editor.face is not None
    x, y = editor.face.points["right_brow_middle"]
    before = editor.face.landmarks[105, 1]
    editor.press((x + 3, y + 3), 14)
    editor.move((x, y - 10))
    assert editor.face.landmarks[105, 1] < before - 5
    editor.move((x, y - 30))
    editor.release()
    assert editor.points["right_brow_middle"] == (x, y - 30)
    editor.move((0, 0))
    assert editor.points["right_brow_middle"] == (x, y - 30), "let go"
    editor.undo()
    assert editor.points == key_points(), "one drag is one step"


def test_a_click_beside_every_point_does_nothing() -> None:
    editor = placed()
    editor.press((5, 5), 14)
    editor.move((50, 50))
    editor.release()
    assert editor.points == key_points()


def test_undo_takes_back_one_by_one_and_reset_all() -> None:
    editor = placed()
    editor.undo()
    assert editor.wanted is not None
    assert editor.wanted.name == "chin"
    editor.reset()
    assert editor.points == {}
    editor.undo()
    assert len(editor.points) == len(KEY_POINTS) - 1
    for _ in range(20):
        editor.undo()
    assert editor.points == {}


def test_what_was_placed_before_is_there_and_reset_comes_back_to_it() -> None:
    editor = Editor(key_points())
    x, y = editor.points["chin"]
    editor.press((x, y), 14)
    editor.move((x + 40, y))
    editor.release()
    editor.reset()
    assert editor.points == key_points()
    editor.reset()
    assert editor.points == {}, "a second time, it begins with nothing"


def test_an_impossible_face_is_told_and_can_be_mended() -> None:
    editor = placed()
    x, y = editor.points["chin"]
    editor.press((x, y), 14)
    editor.move((x, 0))
    assert editor.face is None
    assert "inside out" in editor.problem
    editor.move((x, y))
    assert editor.face is not None


@pytest.mark.parametrize("size", [(64, 64), (640, 480), (4000, 3000), (300, 3000)])
def test_the_window_has_room_for_words_and_fits_a_screen(size: tuple[int, int]) -> None:
    scale = shown_scale(*size)
    assert size[0] * scale >= 559
    assert size[0] * scale <= 1101


def test_what_is_drawn_changes_with_what_is_placed() -> None:
    picture = np.full((700, 800, 3), 120, np.uint8)
    empty, full = draw(picture, Editor()), draw(picture, placed())
    assert empty.shape == full.shape
    assert (empty[:700] == 120).all()
    editor = placed()
    assert editor.face is not None
    for place in editor.face.points.values():
        assert full[round(place[1]), round(place[0])].max() > 200
    assert math.isclose(draw(picture, editor, mesh=False)[:700].mean(), 120, abs_tol=3)
