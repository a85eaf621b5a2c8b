"""What the correcting network sees, and where its correction goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fomm.animators.face_lite.clues import (
    UNIT,
    Square,
    Stills,
    add_correction,
    clues,
    displacement,
    pose,
    share,
    sketch,
)
from fomm.animators.face_lite.network import CLUE_CELLS, CLUES, CORRECTION_CELLS, FACE
from fomm.landmarks import RIGID, rotation_matrix
from tests.fomm.faces import collins

#: As exact as OpenCV samples.
A_32ND_PIXEL = 1 / 32


def identity(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([x, y], axis=-1)


squares = st.builds(Square, st.floats(-60, 60), st.floats(-60, 60), st.floats(80, 300))


@given(squares)
def test_a_grid_that_moves_nothing_is_no_displacement(square: Square) -> None:
    assert np.abs(displacement(identity(160, 200), square)).max() * square.side < A_32ND_PIXEL


@given(squares, st.floats(-20, 20), st.floats(-20, 20))
def test_a_shift_is_the_same_everywhere_and_in_sides_of_the_square(
    square: Square, x: float, y: float
) -> None:
    grid = identity(160, 200) + np.array([x, y], np.float32)
    found = displacement(grid, square) * square.side
    np.testing.assert_allclose(found, np.broadcast_to([x, y], found.shape), atol=A_32ND_PIXEL)


@given(squares)
def test_landmarks_are_normalised_to_the_square(square: Square) -> None:
    corners = np.array(
        [
            [square.left - 0.5, square.top - 0.5, 0],
            [square.left + square.side - 0.5, square.top - 0.5, square.side],
        ]
    )
    np.testing.assert_allclose(square.normalised(corners), [[0, 0, 0], [1, 0, 1]], atol=1e-4)


@given(squares, st.floats(-1, 1), st.floats(-1, 1))
def test_a_constant_correction_is_added_inside_the_square_alone(square: Square, x: float, y: float) -> None:
    grid = identity(160, 200)
    value = np.array([x, y], np.float32)
    correction = np.broadcast_to(value[:, None, None], (2, CORRECTION_CELLS, CORRECTION_CELLS))
    add_correction(grid, correction, square)
    added = grid - identity(160, 200)
    rows, columns = np.mgrid[0:160, 0:200]
    to_border = np.minimum.reduce(
        [
            columns - square.left,
            square.left + square.side - columns,
            rows - square.top,
            square.top + square.side - rows,
        ]
    )
    inside, outside = to_border > 2 * square.side / CORRECTION_CELLS, to_border < -2
    np.testing.assert_allclose(
        added[inside], np.broadcast_to(value * UNIT * square.side, added[inside].shape), atol=2e-2
    )
    assert not added[outside].any()


def test_a_square_beside_the_picture_changes_nothing() -> None:
    grid = identity(40, 40)
    add_correction(grid, np.ones((2, CORRECTION_CELLS, CORRECTION_CELLS), np.float32), Square(100, 0, 50))
    np.testing.assert_array_equal(grid, identity(40, 40))


def test_nothing_is_corrected_on_the_face_and_at_the_border() -> None:
    normalised = Square.around(collins().landmarks).normalised(collins().landmarks)
    counts = share(sketch(normalised)[2])
    middle = CORRECTION_CELLS // 2
    assert counts[middle, middle] == 0
    assert counts[0].max() == counts[:, -1].max() == 0
    assert counts[4, middle] == 1  # hair


def test_the_pose_tells_how_the_head_turned() -> None:
    face = collins().landmarks / 512
    centre = face[RIGID].mean(axis=0)
    turned = (face - centre) @ rotation_matrix(15, -10, 5).T * 1.1 + centre + [0.05, -0.025, 0]
    np.testing.assert_allclose(pose(face, turned)[:6], [0.5, -0.4, 0.2, 0.4, 0.2, -0.1], atol=1e-3)


def test_at_rest_the_network_sees_a_source_that_does_not_move() -> None:
    matte = np.zeros(collins().image.pixels.shape[:2], np.float32)
    matte[100:, 150:350] = 1
    stills = Stills.of(collins().landmarks, matte)
    seen = clues(stills, np.zeros((CLUE_CELLS, CLUE_CELLS, 2), np.float32), stills.landmarks)
    assert seen.shape == (CLUES, CLUE_CELLS, CLUE_CELLS)
    np.testing.assert_allclose(seen[3], seen[2], atol=1e-5)
    np.testing.assert_array_equal(seen[4:7], seen[7:10])
    np.testing.assert_allclose(seen[12:18], 0, atol=1e-4)


def test_what_moves_is_seen() -> None:
    face = collins().landmarks
    stills = Stills.of(face, np.ones(collins().image.pixels.shape[:2], np.float32))
    moved = face + np.array([0.1 * stills.square.side, 0, 0], np.float32)
    shift = np.zeros((CLUE_CELLS, CLUE_CELLS, 2), np.float32)
    shift[..., 0] = -0.1
    seen = clues(stills, shift, stills.square.normalised(moved))
    np.testing.assert_allclose(seen[0], -0.1 / UNIT)
    columns = [np.flatnonzero(seen[plane].any(axis=0)).mean() for plane in (FACE - 3, FACE)]
    assert columns[1] - columns[0] == pytest.approx(0.1 * CLUE_CELLS, abs=0.6)
