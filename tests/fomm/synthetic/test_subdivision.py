import numpy as np
import pytest

from fomm.synthetic.subdivision import Subdivision

CUBE = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
CORNERS = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], float)


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:n, 0:n]
    k = np.arange(n * n).reshape(n, n)
    faces = np.stack([k[:-1, :-1], k[:-1, 1:], k[1:, 1:], k[1:, :-1]], axis=-1).reshape(-1, 4)
    return np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3).astype(float), faces


def test_counts_of_a_cube() -> None:
    step = Subdivision(CUBE, 8)
    assert step.count == 8 + 12 + 6
    assert step.faces.shape == (24, 4)
    assert set(step.faces.ravel()) == set(range(26))


def test_cube_becomes_catmull_and_clarks_ball() -> None:
    fine = Subdivision(CUBE, 8).apply(CORNERS)
    assert np.allclose(np.abs(fine[:8]), 5 / 9)  # (F + 2 R) / 3 with F = 1/3, R = 2/3 towards the corner
    assert np.allclose(np.linalg.norm(fine[-6:], axis=1), 1)


def test_faces_keep_their_winding() -> None:
    step = Subdivision(CUBE, 8)
    fine = step.apply(CORNERS)
    a, b, c, _ = (fine[step.faces[:, k]] for k in range(4))
    outward = (np.cross(b - a, c - b) * a).sum(axis=1)
    assert len(set(np.sign(outward))) == 1


def test_flat_stays_flat_and_borders_stay_in_place() -> None:
    points, faces = grid(5)
    fine = Subdivision(faces, len(points)).apply(points)
    assert np.allclose(fine[:, 2], 0)
    assert fine[:, 0].max() == pytest.approx(4)
    middle = fine[12]
    assert np.allclose(middle, [2, 2, 0])


def test_is_linear_and_keeps_constants() -> None:
    points, faces = grid(4)
    step = Subdivision(faces, len(points))
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, len(points), 2))
    assert np.allclose(step.apply(a) + 2 * step.apply(b), step.apply(a + 2 * b))
    assert np.allclose(step.apply(np.ones((len(points), 1))), 1)


def test_vertices_without_faces_stay() -> None:
    points, faces = grid(3)
    lonely = np.vstack([points, [[9.0, 9.0, 9.0]]])
    assert np.allclose(Subdivision(faces, 10).apply(lonely)[9], 9)
