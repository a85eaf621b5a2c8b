"""Square crops around faces and whole pictures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fomm.animators.base import Landmarks
from fomm.crops import FacePath, Square, SteadySquare
from fomm.faces import face_box

sides = st.integers(64, 2000)


def _face(left: float, top: float, width: float, height: float) -> Landmarks:
    unit = np.random.default_rng(0).random((478, 3), dtype=np.float32)
    unit[:2] = [[0, 0, 0], [1, 1, 0]]
    return np.asarray(unit * [width, height, width] + [left, top, 0], np.float32)


@given(sides, sides, st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 0.9))
def test_a_face_square_holds_the_face_and_stays_inside_where_it_fits(
    height: int, width: int, x: float, y: float, share: float
) -> None:
    face = share * min(height, width)
    landmarks = _face(x * (width - face), y * (height - face), face * 0.8, face)
    square = Square.around_face(landmarks, (height, width, 3))
    left, top, right, bottom = face_box(landmarks)
    assert square.left <= left + 1
    assert square.top <= top + 1
    assert square.left + square.side >= right - 1
    assert square.top + square.side >= bottom - 1
    if square.side <= min(height, width):
        assert 0 <= square.left <= width - square.side
        assert 0 <= square.top <= height - square.side


def test_a_face_in_the_middle_of_much_space_gets_its_full_square() -> None:
    square = Square.around_face(_face(450, 450, 80, 100), (1000, 1000, 3))
    assert square == Square(400, 404, 180)


def test_a_picture_that_the_face_fills_is_padded_no_more_than_needed() -> None:
    square = Square.around_face(_face(0, 0, 90, 100), (100, 90, 3))
    assert square.side == 130


@given(sides, sides, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 0.6)), min_size=1))
def test_the_square_of_a_clip_holds_every_face(
    height: int, width: int, faces: list[tuple[float, float, float]]
) -> None:
    path = FacePath()
    for x, y, share in faces:
        face = share * min(height, width)
        path.add(_face(x * (width - face), y * (height - face), face * 0.8, face))
    square = Square.around_path(path, (height, width, 3))
    left, top, right, bottom = path.union
    assert square.left <= left + 1
    assert square.top <= top + 1
    assert square.left + square.side >= right - 1
    assert square.top + square.side >= bottom - 1
    assert square.side <= max(height, width)


def test_a_still_face_gets_the_square_of_one_frame() -> None:
    face, path = _face(450, 450, 80, 100), FacePath()
    for _ in range(3):
        path.add(face)
    assert Square.around_path(path, (1000, 1000)) == Square.around_face(face, (1000, 1000))
    assert path.seen == 3


def test_a_moving_face_gets_a_tenth_on_every_side() -> None:
    path = FacePath()
    path.add(_face(200, 400, 80, 100))
    path.add(_face(720, 400, 80, 100))
    square = Square.around_path(path, (1000, 1000))
    assert square.side == 720
    assert square.left == 140


@given(sides, sides)
def test_the_whole_picture_is_neither_cut_nor_squeezed(height: int, width: int) -> None:
    square = Square.around_all((height, width, 3))
    assert square.side == max(height, width)
    assert square.left <= 0
    assert square.top <= 0
    assert square.left + square.side >= width
    assert square.top + square.side >= height


def test_a_square_picture_of_the_models_size_passes_unchanged(
    noise: Callable[..., NDArray[np.uint8]],
) -> None:
    picture = noise(256, 256)
    assert np.array_equal(Square.around_all(picture.shape).cut(picture, (256, 256)), picture)


def test_what_lies_beyond_the_picture_repeats_its_edge(noise: Callable[..., NDArray[np.uint8]]) -> None:
    picture = noise(100, 60)
    cut = Square.around_all(picture.shape).cut(picture, (100, 100))
    assert np.array_equal(cut[:, 20:80], picture)
    assert np.array_equal(cut[:, :20], np.repeat(picture[:, :1], 20, axis=1))
    assert np.array_equal(cut[:, 80:], np.repeat(picture[:, -1:], 20, axis=1))


@pytest.mark.parametrize("square", [Square(-30, 20, 80), Square(40, -10, 90), Square(-100, -100, 400)])
def test_landmarks_follow_the_crop(square: Square) -> None:
    """A bright dot is found where its mapped landmark says."""
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[45:50, 45:50] = 255
    cut = square.cut(picture, (256, 256)).mean(axis=2)
    rows, columns = np.nonzero(cut > 127)
    # Pixel centres: the dot's middle is column 47, whose centre is at 47.5 from the picture's edge.
    x, y, _ = square.map(np.array([[47.5, 47.5, 0]], np.float32), (256, 256))[0]
    assert abs(columns.mean() + 0.5 - x) < 1.5
    assert abs(rows.mean() + 0.5 - y) < 1.5


@pytest.mark.parametrize("square", [Square(-30, 20, 80), Square(10, 10, 50)])
def test_taking_a_square_resizes_nothing(noise: Callable[..., NDArray[np.uint8]], square: Square) -> None:
    picture = noise(100, 100)
    taken = square.take(picture)
    assert np.array_equal(taken, square.cut(picture, (square.side, square.side)))
    taken[:] = 0
    assert picture.any(), "a copy"


SHAPE = (720, 1280, 3)


def test_a_steady_square_begins_around_the_face() -> None:
    face = _face(500, 300, 160, 200)
    assert SteadySquare().follow(face, SHAPE, 0.0) == Square.around_face(face, SHAPE)


def test_a_head_that_keeps_still_or_talks_has_the_same_square_to_the_bit() -> None:
    steady, random = SteadySquare(), np.random.default_rng(1)
    squares = set()
    for index in range(200):
        chin = 20 * abs(np.sin(index / 5))
        face = _face(500, 300, 160, 200 + chin) + random.normal(0, 2, (478, 3)).astype(np.float32)
        squares.add(steady.follow(face, SHAPE, index / 30))
    assert len(squares) == 1


def test_it_goes_after_a_driver_who_moves_away_smoothly_and_comes_to_rest() -> None:
    steady = SteadySquare()
    squares = [steady.follow(_face(500, 300, 160, 200), SHAPE, 0.0)]
    there = _face(560, 320, 190, 240)
    squares += [steady.follow(there, SHAPE, index / 30) for index in range(1, 150)]
    aim = Square.around_face(there, SHAPE)
    assert max(abs(b.left - a.left) for a, b in pairwise(squares)) < 0.06 * aim.side
    assert len(set(squares[-30:])) == 1
    assert abs(squares[-1].left - aim.left) <= 0.02 * aim.side
    assert abs(squares[-1].side - aim.side) <= 0.02 * aim.side


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 500), st.floats(60, 300)), min_size=2, max_size=20)
)
def test_wherever_a_driver_goes_the_face_is_in_the_square(places: list[tuple[float, float, float]]) -> None:
    first, second = SteadySquare(), SteadySquare()
    for index, (x, y, face) in enumerate(places):
        landmarks = _face(x, y, 0.8 * face, face)
        square = first.follow(landmarks, SHAPE, index / 30)
        assert square == second.follow(landmarks, SHAPE, index / 30), "the same past, the same square"
        left, top, right, bottom = face_box(landmarks)
        assert square.left <= left + 1
        assert square.top <= top + 1
        assert square.left + square.side >= min(right, SHAPE[1]) - 1
        assert square.top + square.side >= min(bottom, SHAPE[0]) - 1


def test_a_fast_driver_pushes_it_along_without_a_jerk() -> None:
    steady = SteadySquare()
    speed = 12
    squares = [steady.follow(_face(100 + speed * i, 300, 160, 200), SHAPE, i / 30) for i in range(60)]
    steps = [b.left - a.left for a, b in pairwise(squares)]
    assert min(steps) >= 0
    assert max(steps) <= speed + 1
    assert squares[-1].left - squares[0].left > 400


def test_a_face_that_turns_up_elsewhere_has_it_placed_anew() -> None:
    steady = SteadySquare()
    steady.follow(_face(100, 300, 160, 200), SHAPE, 0.0)
    elsewhere = _face(800, 300, 160, 200)
    assert steady.follow(elsewhere, SHAPE, 1.0) == Square.around_face(elsewhere, SHAPE)


def test_frames_of_another_size_begin_anew() -> None:
    steady, face = SteadySquare(), _face(100, 100, 80, 100)
    steady.follow(face, SHAPE, 0.0)
    assert steady.follow(face, (240, 320, 3), 0.1) == Square.around_face(face, (240, 320, 3))
