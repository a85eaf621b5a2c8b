"""Augmentation changes both frames alike, keeps their shape, and follows its seed."""

from __future__ import annotations

import numpy as np
import pytest

from fomm.config import (
    AugmentationParams,
    CropParams,
    FlipParams,
    JitterParams,
    ResizeParams,
    RotationParams,
)
from fomm.errors import ConfigError
from fomm.training.augmentation import augment, check

SHAPE = (24, 24, 3)
ALL = AugmentationParams(
    FlipParams(horizontal_flip=True, time_flip=True),
    CropParams((24, 24)),
    ResizeParams((0.8, 1.2), "bilinear"),
    RotationParams(10),
    JitterParams(0.2, 0.2, 0.2, 0.2),
)


def _pair(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.random(SHAPE, np.float32), rng.random(SHAPE, np.float32)]


def _augmented(params: AugmentationParams, seed: int) -> list[np.ndarray]:
    return augment(_pair(), params, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(8))
def test_shape_range_and_seed(seed: int) -> None:
    for frame, again in zip(_augmented(ALL, seed), _augmented(ALL, seed), strict=True):
        assert frame.shape == SHAPE
        assert frame.dtype == np.float32
        assert 0 <= frame.min() <= frame.max() <= 1
        assert np.array_equal(frame, again)


def test_nothing_asked_for_changes_nothing() -> None:
    assert all(
        np.array_equal(a, b) for a, b in zip(_augmented(AugmentationParams(), 3), _pair(), strict=True)
    )


def test_flips() -> None:
    params = AugmentationParams(flip_param=FlipParams(horizontal_flip=True, time_flip=True))
    one, two = _pair()
    seen = set()
    for seed in range(40):
        first = _augmented(params, seed)[0]
        for name, frame in {"as is": one, "later": two, "mirrored": one[:, ::-1]}.items():
            if np.array_equal(first, frame):
                seen.add(name)
    assert seen == {"as is", "later", "mirrored"}


def test_colours_of_both_frames_change_alike() -> None:
    picture = _pair()[0]
    jitter = AugmentationParams(jitter_param=JitterParams(0.3, 0.3, 0.3, 0.3))
    for seed in range(5):
        one, two = augment([picture, picture], jitter, np.random.default_rng(seed))
        assert np.array_equal(one, two)
        assert np.abs(one - picture).mean() > 0.005


def test_hues_turn_and_greys_stay() -> None:
    turn = AugmentationParams(jitter_param=JitterParams(hue=0.5))
    grey, red = np.full(SHAPE, 0.4, np.float32), np.zeros(SHAPE, np.float32)
    red[..., 0] = 1
    after_grey, after_red = augment([grey, red], turn, np.random.default_rng(1))
    assert np.allclose(after_grey, grey, atol=1e-5)
    assert np.allclose(after_red.max(axis=-1), 1, atol=1e-4)
    assert np.abs(after_red - red).max() > 0.03


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (AugmentationParams(crop_param=CropParams((20, 24))), r"crop_param\.size.*\[24, 24\]"),
        (AugmentationParams(resize_param=ResizeParams()), "needs crop_param"),
        (
            AugmentationParams(crop_param=CropParams((24, 24)), resize_param=ResizeParams(interpolation="x")),
            "interpolation: give one of nearest, bilinear",
        ),
    ],
)
def test_what_would_change_the_shape_is_refused(params: AugmentationParams, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(params, SHAPE)
