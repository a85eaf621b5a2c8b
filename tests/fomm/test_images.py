"""Pictures of every kind that people have, and those that must be refused."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from fomm.errors import ImageError
from fomm.images import BACKGROUND, MIN_SIDE, load_image

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 120, 90


@pytest.fixture
def quarters() -> Pixels:
    """Red, green / blue, white: every rotation and mirroring looks different."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = 255, 0, 0
    pixels[: HEIGHT // 2, WIDTH // 2 :] = 0, 255, 0
    pixels[HEIGHT // 2 :, : WIDTH // 2] = 0, 0, 255
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = 255, 255, 255
    return pixels


@pytest.fixture
def ramp() -> Pixels:
    """A grey ramp from black to white, (HEIGHT, WIDTH) uint8."""
    return np.tile(np.linspace(0, 255, WIDTH).round().astype(np.uint8), (HEIGHT, 1))


def test_plain_picture(tmp_path: Path, quarters: Pixels) -> None:
    Image.fromarray(quarters).save(tmp_path / "plain.png")
    source = load_image(tmp_path / "plain.png")
    np.testing.assert_array_equal(source.pixels, quarters)
    assert source.pixels.dtype == np.uint8
    assert source.pixels.flags.c_contiguous
    assert (source.name, source.notices) == ("plain.png", ())


# What a camera held this way stores, as numpy sees it.
STORED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda p: np.rot90(p.transpose(1, 0, 2), 2),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_rotation_is_applied(tmp_path: Path, quarters: Pixels, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](quarters)))
    stored.save(tmp_path / "phone.jpg", quality=100, subsampling=0, exif=exif)
    loaded = load_image(tmp_path / "phone.jpg").pixels
    assert loaded.shape == quarters.shape
    np.testing.assert_allclose(loaded, quarters, atol=4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_shows_the_neutral_background(tmp_path: Path, ramp: Pixels, mode: str) -> None:
    alpha = np.full_like(ramp, 255)
    alpha[:, : WIDTH // 2] = 0
    picture = Image.merge("LA", [Image.fromarray(ramp), Image.fromarray(alpha)])
    if mode == "P":
        palette = Image.fromarray((ramp // 2 + 1).astype(np.uint8)).convert("P")
        picture = Image.composite(palette, Image.new("P", palette.size, 0), Image.fromarray(alpha))
        picture.putpalette([0, 0, 0, *(value for grey in range(1, 256) for value in (grey,) * 3)])
        picture.save(tmp_path / "cut.png", transparency=0)
    else:
        picture.convert(mode).save(tmp_path / "cut.png")
    loaded = load_image(tmp_path / "cut.png").pixels
    assert (loaded[:, : WIDTH // 2] == BACKGROUND).all()
    expected = ramp // 2 + 1 if mode == "P" else ramp
    np.testing.assert_array_equal(loaded[:, WIDTH // 2 :, 1], expected[:, WIDTH // 2 :])


def test_half_transparent_pixels_are_mixed(tmp_path: Path) -> None:
    Image.new("RGBA", (WIDTH, HEIGHT), (255, 0, 0, 128)).save(tmp_path / "veil.png")
    assert load_image(tmp_path / "veil.png").pixels[0, 0].tolist() == pytest.approx([192, 64, 64], abs=1)


@pytest.mark.parametrize("mode", ["L", "1", "RGB"])
def test_grey_and_bitonal(tmp_path: Path, ramp: Pixels, mode: str) -> None:
    picture = Image.fromarray(ramp).convert(mode)
    picture.save(tmp_path / "grey.png")
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(load_image(tmp_path / "grey.png").pixels, expected)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, ramp: Pixels, suffix: str) -> None:
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / f"scan{suffix}")
    loaded = load_image(tmp_path / f"scan{suffix}").pixels
    np.testing.assert_array_equal(loaded, np.repeat(ramp[..., None], 3, axis=2))


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_pictures_fill_the_range(tmp_path: Path, ramp: Pixels, white: float) -> None:
    Image.fromarray(ramp.astype(np.float32) * np.float32(white / 255)).save(tmp_path / "float.tiff")
    np.testing.assert_allclose(load_image(tmp_path / "float.tiff").pixels[..., 0], ramp, atol=1)


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (WIDTH, HEIGHT), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=100)
    assert load_image(tmp_path / "print.jpg").pixels[40, 40].tolist() == pytest.approx([255, 0, 0], abs=4)


def test_palette(tmp_path: Path, quarters: Pixels) -> None:
    Image.fromarray(quarters).quantize(4).save(tmp_path / "few.png")
    np.testing.assert_array_equal(load_image(tmp_path / "few.png").pixels, quarters)


def test_animation_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ((200, 40, 40), (40, 40, 200)))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second], duration=100)
    source = load_image(tmp_path / "moving.gif")
    np.testing.assert_allclose(source.pixels[0, 0], (200, 40, 40), atol=2)
    assert "moving.gif" in source.notices[0]
    assert "first frame" in source.notices[0]


def test_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """A profile with red and blue exchanged: only a real conversion brings the colours back."""
    exchanged = _profile_with_exchanged_primaries()
    Image.new("RGB", (WIDTH, HEIGHT), (220, 30, 60)).save(tmp_path / "icc.png", icc_profile=exchanged)
    assert load_image(tmp_path / "icc.png").pixels[0, 0].tolist() == pytest.approx([60, 30, 220], abs=3)


def test_srgb_profile_changes_nothing(tmp_path: Path, quarters: Pixels) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(quarters).save(tmp_path / "srgb.png", icc_profile=profile)
    np.testing.assert_allclose(load_image(tmp_path / "srgb.png").pixels, quarters, atol=1)


def test_broken_profile_is_ignored(tmp_path: Path, quarters: Pixels) -> None:
    Image.fromarray(quarters).save(tmp_path / "bad.png", icc_profile=b"no profile at all")
    np.testing.assert_array_equal(load_image(tmp_path / "bad.png").pixels, quarters)


def test_fifty_megapixels(tmp_path: Path) -> None:
    Image.new("RGB", (8192, 6144), (10, 120, 200)).save(tmp_path / "huge.jpg")
    small = load_image(tmp_path / "huge.jpg", max_side=1024)
    assert small.pixels.shape == (768, 1024, 3)
    np.testing.assert_allclose(small.pixels[0, 0], (10, 120, 200), atol=3)
    assert load_image(tmp_path / "huge.jpg").pixels.shape == (6144, 8192, 3)


def test_no_warning_about_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (150, 100)).save(tmp_path / "many.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(tmp_path / "many.png").pixels.shape == (100, 150, 3)


@pytest.mark.parametrize("size", [(2000, 1000), (333, 2001)])
def test_max_side_keeps_the_shape(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "big.png")
    height, width, _ = load_image(tmp_path / "big.png", max_side=500).pixels.shape
    assert max(width, height) == 500
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)


def test_max_side_never_enlarges(tmp_path: Path, quarters: Pixels) -> None:
    Image.fromarray(quarters).save(tmp_path / "small.png")
    assert load_image(tmp_path / "small.png", max_side=4000).pixels.shape == quarters.shape


def _png() -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, "PNG")
    return data.getvalue()


def _jpeg() -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(
        data, "JPEG"
    )
    return data.getvalue()


REFUSED: dict[str, tuple[bytes | None, str]] = {
    "missing.jpg": (None, "no such file"),
    "empty.png": (b"", "is empty"),
    "notes.jpg": (b"Dear diary, this is no picture.", "not a picture"),
    "cut.png": (_png()[:2000], "damaged or incomplete"),
    "cut.jpg": (_jpeg()[:3000], "damaged or incomplete"),
    "flipped.png": (_png()[:3000] + bytes(500) + _png()[3500:], "damaged or incomplete"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unreadable_pictures_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    content, reason = REFUSED[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=reason) as error:
        load_image(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder"):
        load_image(tmp_path)


def test_name_that_the_system_refuses() -> None:
    with pytest.raises(ImageError, match="cannot be opened"):
        load_image("x" * 5000 + ".jpg")


@pytest.mark.parametrize("size", [(MIN_SIDE - 1, 500), (500, MIN_SIDE - 1), (1, 1)])
def test_tiny_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "tiny.png")
    with pytest.raises(ImageError, match=f"only {size[0]}x{size[1]} pixels.*at least {MIN_SIDE}"):
        load_image(tmp_path / "tiny.png")


def test_smallest_that_works(tmp_path: Path) -> None:
    Image.new("RGB", (MIN_SIDE, MIN_SIDE)).save(tmp_path / "small.png")
    assert load_image(tmp_path / "small.png").pixels.shape == (MIN_SIDE, MIN_SIDE, 3)


def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (300, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(ImageError, match="too many pixels"):
        load_image(tmp_path / "bomb.png")


def _profile_with_exchanged_primaries() -> bytes:
    """An sRGB profile whose red and blue colorants have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        other = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(bytes(profile[at : at + 4]))
        if other:
            profile[at : at + 4] = other
    return bytes(profile)
