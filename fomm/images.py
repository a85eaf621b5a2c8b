"""Loading the source picture, whatever a phone, a scanner or a drawing program wrote."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fomm.animators.base import SourceImage
from fomm.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

#: Below this many pixels a side no face can be made out.
MIN_SIDE = 64

#: What shows through transparent pixels: a mid grey, which makes neither a dark nor a bright rim around hair.
BACKGROUND = (128, 128, 128)


def load_image(path: Path | str, *, max_side: int | None = None) -> SourceImage:
    """Read a picture as upright sRGB.

    The EXIF rotation is applied, an embedded colour profile converted to sRGB, transparency composited over
    `BACKGROUND`; grey, 16-bit, CMYK and palette pictures become 8-bit RGB. An animation gives its first
    frame.

    Args:
        path: any file that Pillow reads (JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP, ...).
        max_side: scale down so that neither side is longer; also bounds the memory that a large JPEG takes.

    Raises:
        ImageError: the file is missing, a folder, not a picture, damaged, or under `MIN_SIDE` pixels a side.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    try:
        # Phones take pictures that trip Pillow's decompression-bomb warning; its error, at twice that, stays. Damaged
        # metadata are no news to a user either.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                _refuse_tiny(path, opened.size)
                # Others hold several pictures too, which are no animation: the depth map in a phone's JPEG.
                animated = (
                    opened.format in ("GIF", "WEBP", "PNG", "AVIF") and getattr(opened, "n_frames", 1) > 1
                )
                if max_side is not None:
                    opened.draft(None, (max_side, max_side))
                opened.load()
                profile = opened.info.get("icc_profile")
                upright = ImageOps.exif_transpose(opened)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the picture's path") from None
    except IsADirectoryError:
        raise ImageError(f"{path} is a folder; name a picture inside it") from None
    except PermissionError as error:
        # Windows reports a folder this way.
        advice = "it is a folder; name a picture inside it" if path.is_dir() else "check its permissions"
        raise ImageError(f"{path} cannot be opened ({error.strerror}): {advice}") from None
    except UnidentifiedImageError:
        if path.is_file() and not path.stat().st_size:
            raise ImageError(f"{path} is empty; use another file") from None
        raise ImageError(
            f"{path} is not a picture that can be read here; save it as JPEG or PNG and try again"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(f"{path} has too many pixels; scale it down to 100 megapixels or less") from None
    except ImageError:
        raise
    except Exception as error:  # there is no saying what damaged bytes make a decoder raise
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(f"{path} cannot be opened ({error.strerror}); check the path") from None
        raise ImageError(f"{path} is damaged or incomplete ({error}); use another copy of it") from None

    if max_side is not None and max(upright.size) > max_side:
        upright.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        _refuse_tiny(path, upright.size)
    pixels = np.ascontiguousarray(_to_srgb(upright, profile), np.uint8)
    notices = (f"{path.name}: an animation; its first frame is used.",) if animated else ()
    return SourceImage(pixels=pixels, name=path.name, notices=notices)


def _refuse_tiny(path: Path, size: tuple[int, int]) -> None:
    if min(size) < MIN_SIDE:
        raise ImageError(
            f"{path} is only {size[0]}x{size[1]} pixels; use a picture of at least {MIN_SIDE} pixels a side"
        )


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """8-bit RGB in sRGB, without transparency."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    elif image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.has_transparency_data and image.mode != "LA":
        image = image.convert("RGBA")

    if image.mode not in ("RGBA", "LA"):
        return _apply_profile(image, profile)

    colour = _apply_profile(image.convert(image.mode[:-1]), profile)
    background = Image.new("RGB", image.size, BACKGROUND)
    return Image.composite(colour, background, image.getchannel("A"))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, or floating point, scaled to the 8-bit grey that it stands for."""
    from PIL import Image

    values = np.asarray(image, dtype=np.float32)
    peak = float(values.max())
    if image.mode == "F" and peak <= 1:
        white = 1.0
    elif image.mode.startswith("I;16"):
        white = 65535.0
    else:
        # 32-bit and float files do not say what white is: the range they fill does.
        white = next((full for full in (255.0, 65535.0) if peak <= full), peak)
    return Image.fromarray(np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB. A profile that is broken, or that is not one for these channels, is ignored."""
    from PIL import ImageCms

    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
        else:
            if converted is not None:
                return converted
    return image if image.mode == "RGB" else image.convert("RGB")
