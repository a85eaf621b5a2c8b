"""The points of a picture's face, remembered beside the picture: `cat.png` → `cat.png.face.json`."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from fomm.animators.base import Landmarks, SourceImage
from fomm.annotation.fitting import check_points, fit_face
from fomm.annotation.points import Points
from fomm.errors import ConfigError, ImageError
from fomm.images import load_image

SUFFIX = ".face.json"
_FORMAT, _VERSION = "fomm face annotation", 1
#: No annotation is larger than this, in bytes.
_MAX_BYTES = 100_000


@dataclass(frozen=True)
class Annotation:
    """Points placed in a picture.

    Attributes:
        size: `(width, height)` of the upright picture in which they were placed, pixels.
        points: name → x, y in its pixels; see `fomm.annotation.POINTS`.
    """

    size: tuple[int, int]
    points: Points

    def landmarks(self, shape: tuple[int, ...]) -> Landmarks:
        """The face, `(478, 3)`, in the picture at another size.

        Args:
            shape: height and width of the picture (more is ignored).
        """
        scale = np.array([shape[1] / self.size[0], shape[0] / self.size[1], shape[1] / self.size[0]])
        return np.asarray(fit_face(self.points).landmarks * scale, np.float32)

    def belongs_to(self, shape: tuple[int, ...]) -> bool:
        """Whether a picture of this height and width can be the one that was annotated, at some size."""
        (width, height), scale = self.size, shape[1] / self.size[0]
        return abs(shape[0] - height * scale) <= max(2.0, 0.01 * shape[0], scale) and width > 0


def annotation_path(picture: Path | str) -> Path:
    """Where a picture's annotation is kept."""
    picture = Path(picture)
    return picture.with_name(picture.name + SUFFIX)


def read_annotation(picture: Path | str) -> Annotation | None:
    """The annotation of a picture; None where there is none.

    Raises:
        ImageError: it cannot be read, or is none.
    """
    path = annotation_path(picture)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    advice = f"annotate the picture again (fomm-live annotate {Path(picture).name}), or delete the file"
    try:
        if len(text) > _MAX_BYTES:
            raise ConfigError("it is too large")
        return _parse(json.loads(text))
    except (ConfigError, ValueError, RecursionError) as error:
        raise ImageError(f"{path} is no face annotation ({error}); {advice}") from None


def write_annotation(picture: Path | str, annotation: Annotation) -> Path:
    """Remember an annotation beside its picture; it is there in full or not at all.

    Returns:
        Where it is.

    Raises:
        ConfigError: no face can be fitted to the points.
        ImageError: the file cannot be written.
    """
    check_points(annotation.points)
    path = annotation_path(picture)
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "picture": {"width": annotation.size[0], "height": annotation.size[1]},
        "points": {name: [round(x, 2), round(y, 2)] for name, (x, y) in annotation.points.items()},
    }
    written: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        ) as file:
            written = Path(file.name)
            file.write(json.dumps(content, indent=2) + "\n")
        os.chmod(written, 0o644)  # noqa: PTH101 - a temporary file is its owner's alone; a picture's companion is not
        written.replace(path)
    except OSError as error:
        if written is not None:
            with contextlib.suppress(OSError):
                written.unlink()
        raise ImageError(
            f"{path} cannot be written ({error.strerror}); copy the picture to a folder of your own first"
        ) from None
    return path


def load_source(path: Path | str, *, max_side: int | None = None) -> SourceImage:
    """`load_image`, with the landmarks of an annotation where there is one.

    Raises:
        ImageError: the picture cannot be used, or its annotation cannot.
    """
    picture = load_image(path, max_side=max_side)
    annotation = read_annotation(path)
    if annotation is None:
        return picture
    shape = picture.pixels.shape
    if not annotation.belongs_to(shape):
        width, height = annotation.size
        raise ImageError(
            f"{annotation_path(path)} was made for a picture of {width}x{height}, and {Path(path).name} has another "
            f"shape now; annotate it again (fomm-live annotate {Path(path).name}), or delete the file"
        )
    return replace(picture, landmarks=annotation.landmarks(shape))


def _parse(content: Any) -> Annotation:
    """Raises ConfigError where the content is no annotation."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ConfigError(f'it does not say "format": "{_FORMAT}"')
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigError("its version is no number")
    if version > _VERSION:
        raise ConfigError(f"it is of version {version}, made by a newer fomm-live; this one knows {_VERSION}")
    picture, points = content.get("picture"), content.get("points")
    if not isinstance(picture, dict) or not isinstance(points, dict):
        raise ConfigError("its picture or its points are missing")
    width, height = picture.get("width"), picture.get("height")
    if not _is_side(width) or not _is_side(height):
        raise ConfigError("the picture's size is no size")
    places = {}
    for name, place in points.items():
        if not isinstance(place, list) or len(place) != 2 or not all(_is_number(number) for number in place):
            raise ConfigError(f"{name} is no place in a picture")
        places[name] = (float(place[0]), float(place[1]))
    check_points(places)
    reach = 2.0 * max(width, height)
    if any(abs(number) > reach for place in places.values() for number in place):
        raise ConfigError("a point lies far outside the picture")
    return Annotation((width, height), places)


def _is_side(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
