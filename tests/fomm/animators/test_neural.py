"""The neural animator: one source encoded once, driven by many frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fomm import resources
from fomm.animators.base import DrivingFrame, Motion, SourceImage
from fomm.animators.neural import NeuralAnimator
from fomm.crops import Square
from fomm.engines.base import Engine, Source
from fomm.errors import NoFaceError
from fomm.images import load_image
from fomm.keypoints import Keypoints, hull_area, movement_scale, relative_motion
from fomm.model import Model, load_model, load_networks

Noise = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def model(make_small_model: Callable[..., Any]) -> Model:
    small = make_small_model("whole")
    return load_model(small.config, checkpoint=small.checkpoint, device="cpu")


@pytest.fixture(scope="module")
def face_model(make_small_model: Callable[..., Any]) -> Model:
    small = make_small_model("faces", face_crop=True)
    return load_model(small.config, checkpoint=small.checkpoint, device="cpu")


class Counting(Engine):
    """An engine that counts how often each step of another runs."""

    name = "counting"
    precision, device = "fp32", "CPU"

    def __init__(self, model: Model) -> None:
        self.inner = model.engine
        self.calls: list[str] = []

    def detect(self, pictures: torch.Tensor) -> Keypoints:
        self.calls.append("detect")
        return self.inner.detect(pictures)

    def encode(self, pictures: torch.Tensor) -> Source:
        self.calls.append("encode")
        return Source(self.detect(pictures), self.inner.encode(pictures).tensors)

    def decode(self, source: Source, target: Keypoints) -> torch.Tensor:
        self.calls.append("decode")
        return self.inner.decode(source, target)


def _motion(noise: Noise, seed: int, neutral: DrivingFrame, strength: float = 1.0) -> Motion:
    height, width = neutral.pixels.shape[:2]
    return Motion(DrivingFrame(noise(height, width, seed), None), neutral, strength)


def _tensor(frame: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(frame).permute(2, 0, 1)[None].float().contiguous() / 255


def test_the_cached_source_gives_the_uncached_frame(model: Model, noise: Noise) -> None:
    animator = model.animator(adapt_scale=True)
    neutral = DrivingFrame(noise(64, 64, 1), None)
    state = animator.prepare(SourceImage(noise(64, 64)))
    frame = animator.drive(state, _motion(noise, 2, neutral))

    networks = load_networks(model.config, model.checkpoint)
    with torch.inference_mode():
        source, rest, driving = (_tensor(noise(64, 64, seed)) for seed in (0, 1, 2))
        scale = movement_scale(hull_area(networks.detect(source))[0], hull_area(networks.detect(rest))[0])
        target = relative_motion(
            networks.detect(source), networks.detect(driving), networks.detect(rest), scale=scale
        )
        predicted, _ = networks.generator(source, networks.detect(source), target)
    expected = (predicted[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    assert np.abs(frame.astype(int) - expected).max() <= 1
    assert (frame != expected).mean() < 1e-3


def test_a_frame_is_rgb_of_the_portraits_shape_and_the_callers_own(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(90, 120), notices=("said before",)))
    neutral = DrivingFrame(noise(120, 160, 1), None)
    first = animator.drive(state, _motion(noise, 2, neutral))
    second = animator.drive(state, _motion(noise, 2, neutral))
    assert first.shape == state.portrait.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert first.flags["C_CONTIGUOUS"]
    assert first.flags["WRITEABLE"]
    assert not np.shares_memory(first, second)
    assert np.array_equal(first, second)
    assert state.notices == ("said before",)
    assert state.landmarks is None


def test_source_and_neutral_pose_are_worked_out_once(model: Model, noise: Noise) -> None:
    networks = Counting(model)
    animator = NeuralAnimator(networks, name="counted", size=(64, 64), needs_face=False)
    state = animator.prepare(SourceImage(noise(64, 64)))
    assert sorted(networks.calls) == ["detect", "encode"]
    neutral = DrivingFrame(noise(64, 64, 1), None)
    networks.calls.clear()
    for seed in range(3):
        animator.drive(state, _motion(noise, seed, neutral))
    assert networks.calls == ["detect", *["detect", "decode"] * 3]
    networks.calls.clear()
    recalibrated = DrivingFrame(noise(64, 64, 5), None)
    animator.drive(state, _motion(noise, 0, recalibrated))
    assert networks.calls == ["detect", "detect", "decode"]


def test_a_state_is_immutable(model: Model, noise: Noise) -> None:
    state = model.animator().prepare(SourceImage(noise(64, 64)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.area = 2.0  # type: ignore[misc]


def test_a_batch_gives_the_same_frames(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    neutral = DrivingFrame(noise(64, 64, 1), None)
    motions = [_motion(noise, seed, neutral, strength) for seed, strength in ((2, 1.0), (3, 0.6), (4, 0.1))]
    together = animator.drive_batch(state, motions)
    for frame, motion in zip(together, motions, strict=True):
        difference = np.abs(frame.astype(int) - animator.drive(state, motion).astype(int))
        assert difference.max() <= 1
    assert animator.drive_batch(state, []) == []


def test_a_batch_shares_its_neutral_frame(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    motions = [_motion(noise, 2, DrivingFrame(noise(64, 64, 1), None)) for _ in range(2)]
    with pytest.raises(ValueError, match="share their neutral frame"):
        animator.drive_batch(state, motions)


def test_no_strength_is_the_portrait_and_easing_never_jumps(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    neutral = DrivingFrame(noise(64, 64, 1), None)
    frames = [
        animator.drive(state, _motion(noise, 2, neutral, strength)) for strength in np.linspace(0, 1, 41)
    ]
    assert np.array_equal(frames[0], state.portrait)
    assert not np.shares_memory(frames[0], state.portrait)
    steps = [float(np.abs(a.astype(int) - b).mean()) for a, b in pairwise(frames)]
    whole = float(np.abs(frames[-1].astype(int) - frames[0]).mean())
    assert max(steps) < 0.25 * whole


def test_one_neutral_pose_replaces_another_without_a_jump(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64, 1)))
    old, new = DrivingFrame(noise(64, 64, 2), None), DrivingFrame(noise(64, 64, 3), None)
    driving = DrivingFrame(noise(64, 64, 4), None)
    shares = np.linspace(0, 1, 9)
    frames = [animator.drive(state, Motion(driving, new, leaving=old, arrived=s)).astype(int) for s in shares]
    assert np.array_equal(frames[0], animator.drive(state, Motion(driving, old)))
    assert np.array_equal(frames[-1], animator.drive(state, Motion(driving, new)))
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    whole = np.abs(frames[-1] - frames[0]).mean()
    assert whole > 0.5
    assert max(steps) < 0.6 * whole


def test_absolute_motion_ignores_the_neutral_pose(model: Model, noise: Noise) -> None:
    animator = model.animator(relative=False)
    state = animator.prepare(SourceImage(noise(64, 64)))
    driving = DrivingFrame(noise(64, 64, 2), None)
    a, b = (
        animator.drive(state, Motion(driving, DrivingFrame(noise(64, 64, seed), None))) for seed in (3, 4)
    )
    assert np.array_equal(a, b)
    expected = model.reconstruct(_tensor(noise(64, 64)), _tensor(noise(64, 64, 2)))
    assert np.abs(a / 255 - expected[0].permute(1, 2, 0).numpy()).max() < 1 / 255


def test_relative_motion_of_the_neutral_pose_leaves_the_source_in_place(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    neutral = DrivingFrame(noise(64, 64, 1), None)
    still = animator.drive(state, Motion(neutral, neutral))
    picture = _tensor(noise(64, 64))
    expected = model.reconstruct(picture, picture)
    assert np.abs(still / 255 - expected[0].permute(1, 2, 0).numpy()).max() < 2 / 255


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_keeps_its_geometry_in_float32(
    make_small_model: Callable[..., Any], noise: Noise, precision: str
) -> None:
    small = make_small_model("whole")
    full, half = (
        load_model(small.config, checkpoint=small.checkpoint, engine="torch", device="cpu", precision=p)
        for p in ("fp32", precision)
    )
    keypoints = half.engine.detect(_tensor(noise(64, 64)))
    assert keypoints.value.dtype == torch.float32
    assert keypoints.jacobian is not None
    assert keypoints.jacobian.dtype == torch.float32
    frames = []
    for model in (full, half):
        animator = model.animator()
        state = animator.prepare(SourceImage(noise(64, 64)))
        frames.append(animator.drive(state, _motion(noise, 2, DrivingFrame(noise(64, 64, 1), None))))
    assert half.animator().device == f"torch {precision} on CPU"
    assert np.abs(frames[0].astype(int) - frames[1]).mean() < 2.0


def test_a_face_model_crops_the_face(face_model: Model) -> None:
    picture = load_image(next(resources.AVATARS.glob("*.jpg")))
    animator = face_model.animator()
    assert animator.needs_face
    state = animator.prepare(picture)
    assert state.portrait.shape == (64, 64, 3)
    assert state.landmarks is not None
    inside = (state.landmarks[:, :2] >= 0) & (state.landmarks[:, :2] <= 64)
    assert inside.all()
    width = np.ptp(state.landmarks[:, 0])
    assert 64 / 2.6 < width < 64 / 1.3


def test_a_face_model_follows_the_neutral_crop(face_model: Model, noise: Noise) -> None:
    """What happens outside the neutral crop changes nothing, nor do landmarks that jitter."""
    animator = face_model.animator()
    state = animator.prepare(load_image(next(resources.AVATARS.glob("*.jpg"))))
    landmarks = np.random.default_rng(0).uniform(100, 160, (478, 3)).astype(np.float32)
    neutral = DrivingFrame(noise(240, 320, 1), landmarks)
    pixels = noise(240, 320, 2)
    outside = pixels.copy()
    outside[:, 220:] = 0
    frames = [
        animator.drive(state, Motion(DrivingFrame(p, jittered), neutral))
        for p, jittered in ((pixels, landmarks), (outside, landmarks + 3), (pixels, None))
    ]
    assert np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames[0], frames[2])


def test_a_face_model_says_when_there_is_no_face(face_model: Model, noise: Noise) -> None:
    animator = face_model.animator()
    with pytest.raises(NoFaceError, match="wall: no face found"):
        animator.prepare(SourceImage(noise(128, 128), name="wall"))
    state = animator.prepare(load_image(next(resources.AVATARS.glob("*.jpg"))))
    with pytest.raises(NoFaceError, match="the neutral frame has no face"):
        animator.drive(state, _motion(noise, 2, DrivingFrame(noise(64, 64, 1), None)))


class Spotting(Counting):
    """Networks that see a bright spot, as a detector should: its keypoints go where the spot goes, and their frames
    grow as it does. What the generator was asked for is kept."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.targets: list[Keypoints] = []

    def detect(self, pictures: torch.Tensor) -> Keypoints:
        light = pictures.float().mean(dim=1)
        light = light / light.sum(dim=(1, 2), keepdim=True)
        axis = torch.linspace(-1, 1, pictures.shape[-1])
        x, y = (light.sum(dim=1) * axis).sum(dim=1), (light.sum(dim=2) * axis).sum(dim=1)
        spread = (light.sum(dim=1) * (axis - x[:, None]) ** 2).sum(dim=1).sqrt()
        value = torch.stack([x, y], dim=-1)[:, None].expand(-1, 5, -1)
        jacobian = (spread[:, None, None] * torch.eye(2))[:, None].expand(-1, 5, -1, -1)
        return Keypoints(value, jacobian)

    def decode(self, source: Source, target: Keypoints) -> torch.Tensor:
        self.targets.append(target)
        return super().decode(source, target)


def _spot(x: float, y: float, radius: float = 14.0) -> NDArray[np.uint8]:
    """A driver: a spot on black, (240, 320, 3)."""
    columns, rows = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=2)


HOME = Square(80, 40, 128)


def _target(model: Model, pixels: NDArray[np.uint8], square: Square | None, **options: bool) -> Keypoints:
    """Where the source's keypoints go when the driver looks like that, cropped there."""
    networks = Spotting(model)
    animator = NeuralAnimator(networks, name="spot", size=(64, 64), needs_face=True, **options)
    source = NeuralAnimator(networks, name="spot", size=(64, 64), needs_face=False)
    state = source.prepare(SourceImage(_spot(160, 120, 20)))
    neutral = DrivingFrame(_spot(144, 104), None, HOME)
    animator.drive(state, Motion(DrivingFrame(pixels, None, square), neutral))
    return networks.targets[-1]


def _difference(a: Keypoints, b: Keypoints) -> float:
    assert a.jacobian is not None
    assert b.jacobian is not None
    return float(max((a.value - b.value).abs().max(), (a.jacobian - b.jacobian).abs().max()))


@pytest.mark.parametrize("square", [Square(90, 30, 128), Square(72, 36, 140), Square(85, 50, 112)])
def test_moving_the_crop_is_no_motion(model: Model, square: Square) -> None:
    still = _target(model, _spot(144, 104), HOME)
    assert _difference(_target(model, _spot(144, 104), square), still) < 0.005
    moved = _target(model, _spot(150, 110, 15), HOME)
    assert _difference(moved, still) > 0.05
    assert _difference(_target(model, _spot(150, 110, 15), square), moved) < 0.005


def test_a_driver_who_moves_moves_the_avatar_as_far_whether_the_crop_goes_along_or_not(model: Model) -> None:
    gone = _spot(144 + 16, 104 - 10)
    stayed, along = _target(model, gone, HOME), _target(model, gone, Square(80 + 16, 40 - 10, 128))
    assert _difference(along, stayed) < 0.005
    still = _target(model, _spot(144, 104), HOME)
    shift = (along.value - still.value)[0, 0]
    assert shift.tolist() == pytest.approx([2 * 16 / 126, -2 * 10 / 126], abs=0.005)
    assert torch.equal(_target(model, _spot(144, 104), None).value, still.value), "no square: the neutral one"


def test_a_driver_who_leaves_does_not_take_the_avatar_out_of_its_picture(model: Model) -> None:
    still = _target(model, _spot(144, 104), HOME)
    near, far = (
        _target(model, _spot(144 + away, 104), Square(80 + away, 40, 128)).value for away in (60, 100)
    )
    assert (near - still.value)[0, 0, 0] == pytest.approx(0.4, abs=0.005)
    assert torch.allclose(near, far, atol=0.005)


def test_absolute_motion_takes_the_pose_in_the_crop(model: Model) -> None:
    here = _target(model, _spot(144, 104), HOME, relative=False)
    there = _target(model, _spot(160, 94), Square(96, 30, 128), relative=False)
    assert _difference(here, there) < 0.005


def test_models_of_whole_frames_heed_no_square(model: Model, noise: Noise) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    neutral, pixels = DrivingFrame(noise(64, 64, 1), None), noise(64, 64, 2)
    plain = animator.drive(state, Motion(DrivingFrame(pixels, None), neutral))
    assert np.array_equal(plain, animator.drive(state, Motion(DrivingFrame(pixels, None, HOME), neutral)))
