"""Relative motion and its geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.keypoints import (
    Keypoints,
    Transfer,
    hull_area,
    invert,
    movement_scale,
    multiply,
    relative_motion,
)

entries = st.floats(-1e4, 1e4, width=32)
matrices = st.tuples(entries, entries, entries, entries)


def _random(seed: int, batch: int = 1, count: int = 10) -> Keypoints:
    generator = torch.Generator().manual_seed(seed)
    value = torch.rand(batch, count, 2, generator=generator) * 2 - 1
    jacobian = torch.eye(2) + 0.3 * torch.randn(batch, count, 2, 2, generator=generator)
    return Keypoints(value, jacobian)


@settings(max_examples=200, deadline=None)
@given(matrices)
def test_inverse_is_finite_for_any_matrix_and_exact_for_a_good_one(values: tuple[float, ...]) -> None:
    matrix = torch.tensor(values).view(2, 2)
    inverse = invert(matrix)
    assert torch.isfinite(inverse).all()
    exact = matrix.double().numpy()
    if np.abs(exact).max() > 1e-30 and np.linalg.cond(exact) < 100:
        assert np.allclose(inverse.numpy() @ matrix.numpy(), np.eye(2), atol=1e-4)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 2.0], [2.0, 4.0]],
        [[1e-7, 0.0], [0.0, 1e-7]],
        [[1e-40, 0.0], [0.0, 1e-40]],
        [[3e38, 0.0], [0.0, 3e38]],
    ],
)
def test_inverse_of_a_degenerate_matrix_is_finite_and_so_are_its_gradients(matrix: list[list[float]]) -> None:
    tensor = torch.tensor(matrix, requires_grad=True)
    inverse = invert(tensor)
    inverse.square().clamp_max(1e6).sum().backward()
    assert torch.isfinite(inverse).all()
    assert tensor.grad is not None
    assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_inverse_survives_half_precision_underflow(dtype: torch.dtype) -> None:
    """In fp16 this determinant, 1e-8, is zero; in float32 it is not."""
    matrix = (torch.eye(2) * 1e-4).to(dtype)
    inverse = invert(matrix)
    assert inverse.dtype == torch.float32
    assert torch.allclose(inverse @ matrix.float(), torch.eye(2), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_relative_motion_runs_in_float32_whatever_it_is_given(dtype: torch.dtype) -> None:
    source, driving, neutral = (
        Keypoints(kp.value.to(dtype), kp.jacobian.to(dtype))
        for kp in map(_random, range(3))
        if kp.jacobian is not None
    )
    moved = relative_motion(source, driving, neutral)
    expected = relative_motion(source.float(), driving.float(), neutral.float())
    assert moved.value.dtype == torch.float32
    assert torch.equal(moved.value, expected.value)
    assert moved.jacobian is not None
    assert expected.jacobian is not None
    assert torch.equal(moved.jacobian, expected.jacobian)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_no_motion_leaves_the_source_where_it_is(seed: int) -> None:
    source, neutral = _random(seed), _random(seed + 1)
    moved = relative_motion(source, neutral, neutral, scale=1.7)
    assert torch.allclose(moved.value, source.value, atol=1e-6)
    assert moved.jacobian is not None
    assert source.jacobian is not None
    assert neutral.jacobian is not None
    if np.linalg.cond(neutral.jacobian.numpy()).max() < 100:
        assert torch.allclose(moved.jacobian, source.jacobian, atol=1e-3)


def test_relative_motion_follows_the_paper() -> None:
    source, driving, neutral = map(_random, (1, 2, 3))
    moved = relative_motion(source, driving, neutral, scale=0.5)
    assert torch.allclose(moved.value, source.value + 0.5 * (driving.value - neutral.value))
    assert source.jacobian is not None
    assert driving.jacobian is not None
    assert neutral.jacobian is not None
    expected = driving.jacobian.numpy() @ np.linalg.inv(neutral.jacobian.numpy()) @ source.jacobian.numpy()
    assert moved.jacobian is not None
    assert np.allclose(moved.jacobian.numpy(), expected, atol=1e-4)


def test_relative_jacobians_can_be_left_out() -> None:
    source, driving, neutral = map(_random, (1, 2, 3))
    moved = relative_motion(source, driving, neutral, relative_jacobian=False)
    assert moved.jacobian is not None
    assert driving.jacobian is not None
    assert torch.equal(moved.jacobian, driving.jacobian)


def test_a_zero_order_model_has_no_jacobians() -> None:
    source, driving, neutral = (Keypoints(_random(seed).value) for seed in range(3))
    assert relative_motion(source, driving, neutral).jacobian is None
    assert Transfer.absolute().eased(source, torch.tensor([0.5]))(driving).jacobian is None


def test_one_source_serves_a_batch_of_driving_frames() -> None:
    source, neutral, driving = _random(1), _random(2), _random(3, batch=4)
    moved = relative_motion(source, driving, neutral)
    assert len(moved) == 4
    alone = relative_motion(source, driving[2:3], neutral)
    assert torch.allclose(moved[2:3].value, alone.value)


def test_singular_neutral_pose_still_gives_finite_motion() -> None:
    source, driving = _random(1), _random(2)
    neutral = Keypoints(_random(3).value, torch.zeros(1, 10, 2, 2))
    moved = relative_motion(source, driving, neutral)
    assert moved.jacobian is not None
    assert torch.isfinite(moved.jacobian).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 3.0))
def test_movement_scale_is_the_ratio_of_sizes(seed: int, size: float) -> None:
    keypoints = _random(seed)
    (area,), (larger,) = hull_area(keypoints), hull_area(Keypoints(keypoints.value * size))
    assert math.isclose(movement_scale(larger, area), size, rel_tol=1e-3)


def test_hull_area_of_a_known_shape_ignores_what_is_inside() -> None:
    square = torch.tensor([[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [0.2, 0.1]]])
    assert hull_area(Keypoints(square)) == [4.0]


@pytest.mark.parametrize(
    "value", [[[0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]], [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]]
)
def test_a_hull_without_area_says_nothing_of_size(value: list[list[float]]) -> None:
    area = hull_area(Keypoints(torch.tensor([value])))[0]
    assert movement_scale(area, 1.0) == movement_scale(1.0, area) == 1.0


def test_easing_runs_from_rest_to_the_motion() -> None:
    rest, moved = _random(1), _random(2, batch=3)
    eased = Transfer.absolute().eased(rest, torch.tensor([0.0, 0.5, 1.0]))(moved)
    assert torch.allclose(eased.value[0], rest.value[0])
    assert torch.allclose(eased.value[2], moved.value[2])
    assert eased.jacobian is not None
    assert rest.jacobian is not None
    assert moved.jacobian is not None
    assert torch.allclose(eased.jacobian[1], (rest.jacobian[0] + moved.jacobian[1]) / 2, atol=1e-6)


def test_multiply_is_the_matrix_product() -> None:
    a, b = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    assert torch.allclose(multiply(a, b), torch.from_numpy(a.numpy() @ b.numpy()), atol=1e-6)


@pytest.mark.parametrize(
    ("value", "jacobian", "message"),
    [
        (torch.zeros(10, 2), None, r"\(B, K, 2\), not \(10, 2\)"),
        (torch.zeros(1, 10, 3), None, r"not \(1, 10, 3\)"),
        (torch.zeros(1, 10, 2), torch.zeros(1, 9, 2, 2), r"\(1, 10, 2, 2\), not \(1, 9, 2, 2\)"),
    ],
)
def test_wrong_shapes_are_named(value: torch.Tensor, jacobian: torch.Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Keypoints(value, jacobian)


def test_batches_with_and_without_jacobians_do_not_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Keypoints.concatenate([_random(1), Keypoints(_random(2).value)])


def test_a_transfer_is_its_steps_one_after_the_other() -> None:
    """Crop, relative motion and easing, folded into one affine map."""
    source, neutral, driving = _random(1), _random(2), _random(3, batch=3)
    zoom, shift = torch.tensor([1.0, 0.9, 1.2]), torch.tensor([[0.0, 0.0], [0.1, -0.2], [-0.3, 0.4]])
    strength = torch.tensor([1.0, 0.5, 0.0])
    assert driving.jacobian is not None
    seen = Keypoints(
        driving.value * zoom[:, None, None] + shift[:, None], driving.jacobian * zoom[:, None, None, None]
    )
    moved = relative_motion(source, seen, neutral, scale=0.7)
    assert source.jacobian is not None
    assert moved.jacobian is not None
    value = torch.lerp(source.value, moved.value, strength[:, None, None])
    jacobian = torch.lerp(source.jacobian, moved.jacobian, strength[:, None, None, None])
    folded = Transfer.relative(source, neutral, scale=0.7).seen(zoom, shift).eased(source, strength)(driving)
    assert torch.allclose(folded.value, value, atol=1e-5)
    assert folded.jacobian is not None
    assert torch.allclose(folded.jacobian, jacobian, rtol=1e-4, atol=1e-4)


def test_a_mixed_transfer_gives_what_lies_between() -> None:
    source, neutral, other, driving = _random(1), _random(2), _random(3), _random(4, batch=3)
    first, second = Transfer.relative(source, neutral), Transfer.relative(source, other, scale=0.8)
    second = second.eased(source, torch.tensor([0.9, 0.5, 0.2]))
    share = torch.tensor([0.0, 0.25, 1.0])
    between, start, end = first.mixed(second, share)(driving), first(driving), second(driving)
    assert start.jacobian is not None
    assert end.jacobian is not None
    assert between.jacobian is not None
    weight = share[:, None, None]
    assert torch.allclose(between.value, torch.lerp(start.value, end.value, weight), atol=1e-5)
    expected = torch.lerp(start.jacobian, end.jacobian, weight[..., None])
    assert torch.allclose(between.jacobian, expected, rtol=1e-4, atol=1e-4)
