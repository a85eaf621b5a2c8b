import numpy as np

from fomm.synthetic import strands as hair
from fomm.synthetic.arrays import unit

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
CORNERS = np.array([[0, 1, 2]])


def test_strands_follow_the_skin_they_grow_from() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1, 5, 3))
    grown = hair.root(TRIANGLE, CORNERS, points, hair.taper(1e-4, 1, 5), rng)
    assert np.allclose(grown.place(TRIANGLE), points, atol=1e-6)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = grown.place(TRIANGLE @ turn.T + [3, 2, 1])
    assert np.allclose(moved, points @ turn.T + [3, 2, 1], atol=1e-5)


def test_scatter_keeps_to_where_hair_grows() -> None:
    y, x = np.mgrid[0:11, 0:11] / 10
    vertices = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    k = np.arange(121).reshape(11, 11)
    faces = np.stack([k[:-1, :-1], k[:-1, 1:], k[1:, 1:], k[1:, :-1]], axis=-1).reshape(-1, 4)
    density = (vertices[:, 0] > 0.55).astype(float)
    corners, places = hair.scatter(vertices, faces, density, 500, np.random.default_rng(1))
    assert places[:, 0].min() > 0.45
    assert corners.shape == (500, 3)
    assert 0.4 < places[:, 1].mean() < 0.6


def test_growing_hair_stays_outside_the_skull() -> None:
    rng = np.random.default_rng(2)
    ball = unit(rng.normal(size=(4000, 3)))
    roots = ball[:200]
    skull = hair.Skull(ball, ball)

    def inwards(points: np.ndarray, normals: np.ndarray, share: float) -> np.ndarray:
        return -normals

    grown = hair.grow(roots, skull, inwards, np.full(200, 0.5), np.full(200, 0.05), rng, points=8)
    assert np.linalg.norm(grown, axis=2).min() > 0.97


def test_ribbons_have_two_edges_and_their_triangles_use_every_vertex() -> None:
    rng = np.random.default_rng(3)
    grown = hair.root(
        TRIANGLE, CORNERS.repeat(4, axis=0), rng.normal(size=(4, 6, 3)), hair.taper(1e-4, 4, 6), rng
    )
    positions, tangents = hair.ribbons(grown.place(TRIANGLE))
    assert positions.shape == tangents.shape == (4, 6, 2, 3)
    assert set(hair.ribbon_shape(grown)[..., 0].ravel()) == {-1.0, 1.0}
    assert np.array_equal(np.unique(hair.ribbon_indices(4, 6)), np.arange(4 * 6 * 2))


def test_taper_thins_towards_the_tip() -> None:
    width = hair.taper(2e-4, 3, 7, tip=0.25)
    assert np.all(np.diff(width, axis=1) < 0)
    assert np.allclose(width[:, -1], 5e-5)
