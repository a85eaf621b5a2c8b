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


@pytest.fixture(scope="module")
def strands() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture in [0, 1] of something round with thin strands around it, its true matte, and a network's answer."""
    side = 256
    y, x = np.mgrid[:side, :side].astype(np.float32) - side / 2
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    reach = 72 + 4 * np.sin(24 * angle)
    truth = np.clip(reach - distance, 0, 1).astype(np.float32)
    person = np.stack([0.35 + 0.1 * np.sin(x / 9), 0.2 + 0 * x, 0.15 + 0.05 * np.sin(y / 7)], axis=-1)
    background = np.stack([0.5 + x / side / 2, 0.7 + y / side / 4, 0.8 + 0 * x], axis=-1)
    picture = (person * truth[..., None] + background * (1 - truth[..., None])).astype(np.float32)
    mask = np.clip((72 - distance) / 12 + 0.5, 0, 1).astype(np.float32)
    return picture, truth, mask


def test_colours_tell_what_the_network_blurs(strands: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, truth, mask = strands
    edge = np.abs(mask - truth) > 0.01
    assert np.abs(mask - truth)[edge].mean() > 0.2
    assert np.abs(matting._by_colours(picture, mask) - truth)[edge].mean() < 0.01


def test_where_colours_tell_nothing_the_network_is_believed(
    strands: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    picture, _, mask = strands
    found = matting._by_colours(np.full_like(picture, 0.4), mask)
    assert np.abs(found - mask).max() < 0.15


def test_neither_holes_inside_nor_specks_beside(strands: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """An eye's white, at which the network is in doubt, and a lamp on the wall in a hair's colour."""
    picture, truth, mask = (each.copy() for each in strands)
    picture[120:130, 120:130], mask[120:130, 120:130] = 0.95, 0.6
    picture[10:20, 10:20], mask[8:22, 8:22] = picture[128, 100], 0.4
    found = matting._by_colours(picture, mask)
    assert found[115:135, 115:135].min() == 1
    assert found[:40, :40].max() == 0
    assert truth[115:135, 115:135].min() == 1


@pytest.mark.parametrize(("least", "most"), [(0.0, 0.5), (0.3, 1.0)])
def test_without_anything_sure_the_network_is_believed(
    strands: tuple[np.ndarray, np.ndarray, np.ndarray], least: float, most: float
) -> None:
    """Somebody drawn, whom it takes for half a person, and a crowd."""
    picture, _, mask = strands
    faint = least + (most - least) * mask
    np.testing.assert_array_equal(matting._by_colours(picture, faint), faint)


def test_a_large_picture_has_the_matte_of_a_small_one(
    matte: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matting, "_MATTE_SIDE", 300)
    coarser = person_matte(collins().image.pixels)
    assert coarser is not None
    assert coarser.shape == matte.shape
    assert np.abs(coarser - matte).mean() < 0.02
