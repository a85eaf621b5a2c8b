"""Cutting the person out: on the bundled portrait, and on pictures without anybody."""

from __future__ import annotations

import numpy as np
import pytest

from fomm import matting
from fomm.matting import cut_out, fill_background, person_matte
from tests.fomm.faces import collins


@pytest.fixture(scope="module")
def matte() -> np.ndarray:
    found = person_matte(collins().image.pixels)
    assert found is not None
    return found


def test_the_matte_covers_the_face_and_spares_the_corner(matte: np.ndarray) -> None:
    portrait = collins()
    assert matte.shape == portrait.image.pixels.shape[:2]
    assert matte.dtype == np.float32
    assert matte.min() >= 0
    assert matte.max() <= 1
    x, y = np.round(portrait.landmarks[:468, :2]).astype(int).T
    assert matte[y, x].mean() > 0.97
    assert matte[:20, -20:].max() < 0.05


def test_person_over_background_is_the_picture_again(matte: np.ndarray) -> None:
    pixels = collins().image.pixels
    background = fill_background(pixels, matte)
    layer = cut_out(pixels, matte, background).astype(np.float32)
    again = layer[..., :3] + background * (1 - layer[..., 3:] / 255)
    error = np.abs(again - pixels)
    assert error.mean() < 0.6
    assert np.percentile(error, 99.5) < 12


def test_the_filled_background_keeps_what_is_not_the_person(matte: np.ndarray) -> None:
    pixels = collins().image.pixels
    background = fill_background(pixels, matte)
    far = np.zeros(matte.shape, bool)
    far[:15, -60:] = True
    far &= matte == 0
    assert far.any()
    np.testing.assert_allclose(background[far], pixels[far], atol=1)
    # The face's place holds no face any more: the backdrop is smooth.
    x, y = np.round(collins().landmarks[:468, :2]).astype(int).T
    assert np.abs(background[y, x].astype(int) - pixels[y, x]).mean() > 20


def test_a_picture_of_nobody_has_no_matte() -> None:
    ramp = np.linspace(40, 200, 320).astype(np.uint8)
    assert person_matte(np.dstack([np.tile(ramp, (240, 1))] * 3)) is None


def test_a_picture_full_of_person_still_gives_a_background() -> None:
    pixels = np.full((64, 48, 3), 90, np.uint8)
    assert fill_background(pixels, np.ones((64, 48), np.float32)).shape == pixels.shape


def test_openvino_and_mediapipe_see_the_same_person(
    matte: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ImportError("No module named 'openvino'")

    monkeypatch.setattr(matting, "_network", missing)
    theirs = person_matte(collins().image.pixels)
    assert theirs is not None
    assert np.abs(theirs - matte).max() < 0.01
