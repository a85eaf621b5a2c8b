"""Blocks, grids and sampling."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from fomm.keypoints import Keypoints
from fomm.networks.blocks import AntiAliasDownscale, Hourglass
from fomm.networks.dense_motion import sparse_motions
from fomm.networks.geometry import coordinate_grid, gaussian_heatmaps, sample, soft_argmax

CPU = torch.device("cpu")


def test_grid_runs_from_minus_one_to_one_x_first() -> None:
    grid = coordinate_grid(3, 5, CPU)
    assert grid.shape == (3, 5, 2)
    assert grid[0, 0].tolist() == [-1, -1]
    assert grid[2, 4].tolist() == [1, 1]
    assert grid[0, 4].tolist() == [1, -1]


def test_sampling_at_the_identity_returns_the_picture() -> None:
    image = torch.rand(2, 3, 16, 24)
    grid = coordinate_grid(16, 24, CPU).expand(2, -1, -1, -1)
    assert torch.allclose(sample(image, grid, align_corners=True), image, atol=1e-5)
    assert not torch.allclose(sample(image, grid, align_corners=False), image, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sampling_places_half_precision_features_exactly(dtype: torch.dtype) -> None:
    ramp = torch.linspace(0, 1, 256).expand(1, 1, 256, 256).to(dtype)
    grid = coordinate_grid(256, 256, CPU)[None] * 0.5
    sampled = sample(ramp, grid, align_corners=True)
    expected = sample(ramp.float(), grid, align_corners=True).to(dtype)
    assert sampled.dtype == dtype
    assert torch.equal(sampled, expected)


@settings(max_examples=30, deadline=None)
@given(x=st.floats(-0.8, 0.8), y=st.floats(-0.8, 0.8))
def test_soft_argmax_finds_the_peak_of_a_heatmap(x: float, y: float) -> None:
    centre = torch.tensor([[[x, y]]])
    heatmap = gaussian_heatmaps(centre, 64, 48, 0.002)
    heatmap = heatmap / heatmap.sum(dim=(2, 3), keepdim=True)
    assert torch.allclose(soft_argmax(heatmap), centre, atol=0.02)


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25, 0.125])
def test_downscaling_keeps_a_flat_picture_flat_and_blurs_before_it_picks(scale: float) -> None:
    down = AntiAliasDownscale(3, scale)
    image = torch.full((1, 3, 64, 64), 0.7)
    small = down(image)
    assert small.shape[-1] == 64 * scale
    middle = small[..., 2:-2, 2:-2]
    assert torch.allclose(middle, torch.full_like(middle, 0.7), atol=1e-5)


def test_downscaling_by_a_fraction_is_blur_then_nearest() -> None:
    down = AntiAliasDownscale(3, 0.4)
    image = torch.rand(1, 3, 40, 40)
    padding = down.weight.shape[-1] // 2
    blurred = F.conv2d(image, down.weight, padding=padding, groups=3)
    assert torch.equal(down(image), F.interpolate(blurred, scale_factor=0.4))


def test_strided_downscaling_is_blur_then_every_fourth_pixel() -> None:
    down = AntiAliasDownscale(3, 0.25)
    image = torch.rand(1, 3, 64, 64)
    assert down.weight.shape == (3, 1, 13, 13)
    blurred = F.conv2d(image, down.weight, padding=6, groups=3)
    assert torch.allclose(down(image), blurred[..., ::4, ::4], atol=1e-6)


def test_hourglass_carries_its_input_along() -> None:
    hourglass = Hourglass(5, block_expansion=4, max_features=16, num_blocks=3).eval()
    x = torch.randn(2, 5, 16, 24)
    out = hourglass(x)
    assert out.shape == (2, hourglass.out_features, 16, 24)
    assert torch.equal(out[:, -5:], x)


def test_equal_keypoints_mean_no_motion() -> None:
    keypoints = Keypoints(torch.rand(2, 4, 2) - 0.5, torch.eye(2).expand(2, 4, 2, 2) * 0.7)
    motions = sparse_motions(keypoints, keypoints, 8, 12)
    assert motions.shape == (2, 5, 8, 12, 2)
    assert torch.allclose(motions, coordinate_grid(8, 12, CPU).expand_as(motions), atol=1e-5)


def test_local_motion_turns_with_the_jacobian() -> None:
    """A quarter turn of the driver's frame is undone on the way back to the source."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    source = Keypoints(torch.zeros(1, 1, 2), torch.eye(2)[None, None])
    driving = Keypoints(torch.tensor([[[0.5, 0.0]]]), turn[None, None])
    motion = sparse_motions(source, driving, 5, 5)[0, 1]
    grid = coordinate_grid(5, 5, CPU)
    expected = (grid - torch.tensor([0.5, 0.0])) @ turn  # (turn^-1 v) = v @ turn for a rotation
    assert torch.allclose(motion, expected, atol=1e-6)
