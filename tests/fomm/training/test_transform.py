"""The random warp: its Jacobian is its derivative, and pictures and points move alike."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.config import TransformParams
from fomm.training.transform import RandomTransform


def _transform(seed: int, batch: int = 3, **params: float) -> RandomTransform:
    return RandomTransform.draw(batch, TransformParams(**params), torch.Generator().manual_seed(seed))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_jacobian_is_the_derivative(seed: int) -> None:
    transform = _transform(seed, sigma_affine=0.2, sigma_tps=0.05)
    points = torch.rand(3, 7, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    by_autograd = torch.autograd.functional.jacobian(transform.warp, points)
    ours = transform.jacobian(points)
    for picture in range(3):
        for point in range(7):
            theirs = by_autograd[picture, point, :, picture, point]
            assert torch.allclose(ours[picture, point], theirs, atol=1e-5)


def test_without_noise_nothing_moves() -> None:
    still = _transform(0, sigma_affine=0, sigma_tps=0)
    points = torch.rand(3, 5, 2) * 2 - 1
    assert torch.allclose(still.warp(points), points, atol=1e-6)
    assert torch.allclose(still.jacobian(points), torch.eye(2).expand(3, 5, 2, 2), atol=1e-6)
    pictures = torch.rand(3, 3, 16, 16)
    assert torch.allclose(still.apply(pictures, align_corners=True), pictures, atol=1e-5)


def test_a_picture_shows_at_each_place_what_was_where_the_warp_says() -> None:
    """What the value loss rests on: a point at `p` of the warped picture is the point `warp(p)` of the picture."""
    transform = _transform(4, batch=1, sigma_affine=0.1, sigma_tps=0.01)
    side = 101
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    coordinates = torch.stack([x, y])[None]
    warped = transform.apply(coordinates, align_corners=True)
    place = torch.tensor([[[0.2, -0.3]]])
    column, row = ((place[0, 0] + 1) / 2 * (side - 1)).round().long().tolist()
    exact = torch.tensor([[[2 * column / (side - 1) - 1, 2 * row / (side - 1) - 1]]])
    assert torch.allclose(warped[0, :, row, column], transform.warp(exact)[0, 0], atol=1e-4)


def test_a_seed_settles_it() -> None:
    assert torch.equal(_transform(5).theta, _transform(5).theta)
    assert not torch.equal(_transform(5).weights, _transform(6).weights)
