from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.errors import ConfigError
from live.composer import FITS, Fit, lay_out, parse_size, shown_scale

sides = st.integers(64, 300)


def picture(width: int, height: int, value: int = 200) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@settings(deadline=None, max_examples=60)
@given(sides, sides, sides, sides, st.sampled_from(FITS), st.booleans())
def test_every_shape_fits_every_output(
    width: int, height: int, out_width: int, out_height: int, fit: Fit, mirror: bool
) -> None:
    portrait = picture(width, height)
    layout = lay_out(portrait, (out_width, out_height), fit)
    output = layout.compose(portrait, mirror=mirror)
    assert output.shape == (out_height, out_width, 3)
    assert output.dtype == np.uint8
    assert output.flags.c_contiguous
    left, top, inner_width, inner_height = layout.place
    assert (output[top : top + inner_height, left : left + inner_width] == 200).all() or mirror
    if fit == "fill":
        assert (output == 200).all()
    else:
        assert inner_width == out_width or inner_height == out_height
        scale = shown_scale((width, height), (out_width, out_height), fit)
        assert abs(inner_width - width * scale) <= 1
        assert abs(inner_height - height * scale) <= 1


def test_a_frame_that_fits_is_not_copied() -> None:
    portrait = picture(96, 64)
    assert np.shares_memory(lay_out(portrait, (96, 64)).compose(portrait), portrait)


def test_pad_leaves_black_and_blur_does_not() -> None:
    portrait = picture(64, 64)
    black = lay_out(portrait, (128, 64), "pad").compose(portrait)
    assert (black[:, :32] == 0).all()
    assert (black[:, 96:] == 0).all()
    blurred = lay_out(portrait, (128, 64), "blur").compose(portrait)
    assert (blurred[:, :32] > 60).all()
    assert (blurred[:, :32] < 200).all()


def test_the_backdrop_stays_the_portraits_while_the_avatar_moves() -> None:
    portrait = picture(64, 64)
    layout = lay_out(portrait, (128, 64))
    still, moved = layout.compose(portrait), layout.compose(picture(64, 64, 10))
    assert (still[:, :32] == moved[:, :32]).all()
    assert (moved[:, 32:96] == 10).all()


def test_mirror_turns_left_to_right() -> None:
    portrait = picture(96, 64)
    portrait[:, :10] = 0
    layout = lay_out(portrait, (96, 64))
    mirrored = layout.compose(portrait, mirror=True)
    assert (mirrored[:, -10:] == 0).all()
    assert (portrait[:, :10] == 0).all()
    assert (mirrored[:, ::-1] == portrait).all()


@pytest.mark.parametrize(
    ("face", "rows"), [((40, 0, 60, 20), slice(0, 50)), ((40, 180, 60, 200), slice(150, 200))]
)
def test_fill_crops_around_the_face(face: tuple[float, float, float, float], rows: slice) -> None:
    portrait = picture(100, 200, 0)
    portrait[rows] = 255
    output = lay_out(portrait, (100, 50), "fill", face=face).compose(portrait)
    assert (output == 255).all()


@pytest.mark.parametrize(
    ("text", "size"), [("1280x720", (1280, 720)), ("513X385", (513, 385)), ("64x64", (64, 64))]
)
def test_parse_size(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "720p", "1280", "1280x", "0x0", "-5x10", "1280x720x3", "9999x100", "63x64"]
)
def test_parse_size_refuses(text: str) -> None:
    with pytest.raises(ConfigError, match="is no output size"):
        parse_size(text)
