"""The mouth of the bundled portrait of Amara, whose lips are closed, torn open under lights of several colours."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fomm import resources
from fomm.animators import DrivingFrame, Frame, Landmarks
from fomm.animators.landmark_warp.mouth import Mouth
from fomm.faces import FaceLandmarker
from fomm.images import load_image
from fomm.landmarks import INNER_LIPS, LOWER_INNER_LIP


@functools.cache
def amara() -> tuple[Frame, Landmarks]:
    pixels = load_image(resources.AVATARS / "amara.jpg", max_side=512).pixels
    with FaceLandmarker(mode="image") as landmarker:
        (landmarks,) = landmarker.detect(pixels)
    return pixels, landmarks


@functools.cache
def torn_open() -> Landmarks:
    """Her lips far apart."""
    _, rest = amara()
    target = rest.copy()
    width = np.ptp(rest[:, 0])
    target[LOWER_INNER_LIP, 1] += 0.15 * width
    raised = [k for k in INNER_LIPS if k not in LOWER_INNER_LIP]
    target[raised, 1] -= 0.04 * width
    return target


def opened(source: Frame, driver: DrivingFrame | None = None) -> tuple[Mouth, Frame]:
    """Her mouth torn open and drawn on `source`, and the `(N, 3)` colours between her lips."""
    _, rest = amara()
    out, mouth = source.copy(), Mouth.of(source, rest)
    mouth.draw(out, torn_open(), rest, driver)
    inside = np.zeros(out.shape[:2], np.uint8)
    cv2.fillPoly(inside, [outline()], 1)
    return mouth, out[cv2.erode(inside, np.ones((5, 5), np.uint8)) > 0]


def outline() -> NDArray[np.int32]:
    return np.round(torn_open()[INNER_LIPS, :2]).astype(np.int32)


def as_frame(colours: NDArray[Any]) -> Frame:
    return np.asarray(np.clip(colours, 0, 255), np.uint8)


def toned(gain: tuple[float, float, float]) -> Frame:
    return as_frame(amara()[0] * np.array(gain))


def sepia() -> Frame:
    grey = amara()[0] @ np.array([0.3, 0.59, 0.11])
    return as_frame(grey[..., None] * np.array([1.3, 1.2, 0.95]))


def test_a_grey_portraits_mouth_is_grey() -> None:
    grey = cv2.cvtColor(amara()[0], cv2.COLOR_RGB2GRAY)
    mouth, inside = opened(as_frame(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)))
    assert mouth.grey
    assert np.ptp(inside, axis=1).max() == 0
    assert np.ptp(inside[:, 0]) > 50  # teeth and the dark behind them
    assert np.median(inside) < 0.4 * mouth.skin.mean(), "a tongue is no pale ball"


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(toned((1, 1, 1)), id="as it is"),
        pytest.param(sepia(), id="sepia"),
        pytest.param(toned((1.1, 1.25, 0.75)), id="varnish"),
        pytest.param(toned((0.8, 1.4, 1.0)), id="green light"),
        pytest.param(toned((0.4, 0.9, 1.6)), id="blue light"),
        pytest.param(toned((0.45, 0.45, 0.45)), id="dusk"),
    ],
)
def test_teeth_are_whiter_than_skin_and_have_no_cast_that_it_has_not(picture: Frame) -> None:
    mouth, inside = opened(picture)
    brightest = inside[np.argsort(inside.sum(axis=1))[-len(inside) // 20 :]].mean(axis=0)
    skin, teeth = (colour / colour.mean() for colour in (mouth.skin, brightest))
    assert brightest.mean() > mouth.skin.mean()
    assert np.ptp(teeth) < np.ptp(skin)
    assert (teeth <= np.maximum(skin, 1) + 0.02).all()
    assert (teeth >= np.minimum(skin, 1) - 0.02).all()


@pytest.mark.parametrize("picture", [sepia(), toned((1.1, 1.25, 0.75)), toned((0.5, 0.9, 1.4))])
def test_the_drivers_teeth_take_half_of_a_portraits_cast(picture: Frame) -> None:
    """All of it made them green, none of it would leave them white in coloured light."""
    shown = amara()[0].copy()
    cv2.fillPoly(shown, [outline()], (100, 100, 100))
    mouth, inside = opened(picture, DrivingFrame(shown, torn_open()))
    gain = inside.mean(axis=0) / 100
    of_skin = mouth.skin / Mouth.of(shown, torn_open()).skin
    share = np.ptp(gain / gain.mean()) / np.ptp(of_skin / of_skin.mean())
    assert 0.4 < share < 0.65


def test_a_grey_portrait_makes_the_drivers_mouth_grey() -> None:
    grey = cv2.cvtColor(cv2.cvtColor(amara()[0], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    _, inside = opened(as_frame(grey), DrivingFrame(amara()[0], torn_open()))
    assert np.ptp(inside, axis=1).max() == 0
