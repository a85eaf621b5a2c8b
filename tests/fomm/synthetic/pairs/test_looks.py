"""Looks and backdrops: in range, settled by their seed, and each part does what it is called."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fomm.synthetic.pairs.looks import Look, backdrop

SIZE = 64


def _picture() -> np.ndarray:
    return cv2.GaussianBlur(np.random.default_rng(0).random((SIZE, SIZE, 3), np.float32), (0, 0), 3)


def _applied(look: Look, seed: int = 0) -> np.ndarray:
    return look.apply(_picture(), np.random.default_rng(seed)).astype(np.float32)


@pytest.mark.parametrize("seed", range(20))
def test_any_look_of_any_backdrop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    look, behind = Look.draw(rng, SIZE), backdrop(rng, SIZE)
    assert behind.shape == (SIZE, SIZE, 3)
    assert behind.dtype == np.float32
    assert 0 <= behind.min() <= behind.max() <= 1
    picture = look.apply(behind, rng)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    again = np.random.default_rng(seed)
    look, behind = Look.draw(again, SIZE), backdrop(again, SIZE)
    assert np.array_equal(look.apply(behind, again), picture)


def test_backdrops_differ() -> None:
    rng = np.random.default_rng(1)
    made = [backdrop(rng, 32) for _ in range(12)]
    assert min(np.abs(a - b).mean() for i, a in enumerate(made) for b in made[:i]) > 0.01


def test_nothing_asked_for_changes_nothing() -> None:
    assert np.abs(_applied(Look()) - _picture() * 255).max() <= 0.5 + 1e-3


def test_each_part_of_a_look() -> None:
    plain = _applied(Look())
    assert np.ptp(_applied(Look(grey=True)), axis=-1).max() == 0
    red = _applied(Look(cast=(1.1, 1, 1)))
    assert (red[..., 0] >= plain[..., 0]).all()
    assert np.array_equal(red[..., 1:], plain[..., 1:])
    assert _applied(Look(gamma=1.5)).mean() < plain.mean()
    assert _applied(Look(vignette=0.5))[0, 0].mean() < 0.7 * plain[0, 0].mean()
    assert cv2.Laplacian(_applied(Look(blur=2)), cv2.CV_32F).std() < cv2.Laplacian(plain, cv2.CV_32F).std()
    for noisy in (Look(grain=0.03), Look(noise=0.03)):
        error = (_applied(noisy) - plain).std() / 255
        assert 0.015 < error < 0.06
        assert not np.array_equal(_applied(noisy), _applied(noisy, seed=1))
    assert np.ptp(_applied(Look(grain=0.03)) - plain, axis=-1).mean() < 1
    assert 0.3 < np.abs(_applied(Look(jpeg=40)) - plain).mean() < 12
    assert np.array_equal(_applied(replace(Look(), painted=0.0)), plain)
    assert np.abs(_applied(Look(painted=1)) - plain).mean() > 0.5
