"""`fomm-live annotate` and `fomm-live avatars`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fomm.errors import ConfigError


def annotate(
    picture: Annotated[
        Path | None, typer.Argument(help="The picture of a cartoon, statue or animal.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(help="Place a point without a window, in pixels. Repeatable.", metavar="NAME=X,Y"),
    ] = None,
    points: Annotated[
        Path | None,
        typer.Option(
            help='Place points without a window: JSON such as {"chin": [310, 420]}.', metavar="FILE"
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="List the points and exit.")] = False,
) -> None:
    """Mark the face of a picture by hand; it is remembered beside the picture and used ever after."""
    from fomm.annotation import POINTS, Annotation, fit_face, points_of, read_annotation, write_annotation
    from fomm.errors import ImageError, NoFaceError
    from fomm.faces import source_face
    from fomm.images import load_image

    if names:
        for known in POINTS:
            print(f"{known.name:<18}{'needed  ' if known.key else '        '}{known.where}")
        return
    if picture is None:
        raise ConfigError("name a picture: fomm-live annotate PICTURE; --names lists the points")
    source = load_image(picture)
    height, width = source.pixels.shape[:2]
    given = {**_from_file(points), **_from_options(point or ())}
    if given:
        placed: dict[str, tuple[float, float]] | None = given
    else:
        from live.annotate.window import place_points

        try:
            before = read_annotation(picture)
        except ImageError:
            before = None  # a damaged one is made anew
        if before is not None and before.belongs_to(source.pixels.shape):
            scale = width / before.size[0]
            start = {name: (x * scale, y * scale) for name, (x, y) in before.points.items()}
        else:
            try:
                start = points_of(source_face(source)[0])
                print("A face was found; drag what is wrong.")
            except NoFaceError:
                start = {}
        placed = place_points(source.pixels, start)
    if placed is None:
        print("Nothing was saved.")
        return
    outside = [
        name
        for name, (x, y) in placed.items()
        if not (-width <= x <= 2 * width and -height <= y <= 2 * height)
    ]
    if outside:
        raise ConfigError(f"{', '.join(outside)}: far outside the picture, which is {width}x{height}")
    folded = len(fit_face(placed).folded)
    path = write_annotation(picture, Annotation((width, height), placed))
    print(f"The face is remembered in {path}")
    if folded:
        print(
            f"note: {folded} triangles of its mesh are folded; points that contradict each other look creased"
        )


def _from_options(options: list[str] | tuple[str, ...]) -> dict[str, tuple[float, float]]:
    placed = {}
    for option in options:
        name, _, place = option.partition("=")
        try:
            x, y = (float(number) for number in place.split(","))
        except ValueError:
            raise ConfigError(
                f'--point "{option}" is no point; write NAME=X,Y, such as chin=310,420'
            ) from None
        placed[name.strip()] = (x, y)
    return placed


def _from_file(path: Path | None) -> dict[str, tuple[float, float]]:
    """Points from a JSON file: names and places, or an annotation of another copy of the picture."""
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("points"), dict):
            content = content["points"]
        return {str(name): (float(x), float(y)) for name, (x, y) in content.items()}
    except OSError as error:
        raise ConfigError(f"--points {path} cannot be read ({error.strerror}); check the path") from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f'--points {path} holds no points; write JSON such as {{"chin": [310, 420]}}'
        ) from None


def avatars(
    folder: Annotated[
        Path | None, typer.Option("--avatars", help="Another folder than your own.", metavar="DIR")
    ] = None,
) -> None:
    """List the gallery: where it is, its pictures with their numbers, and why some cannot be used."""
    from fomm.annotation import load_source
    from fomm.errors import FommError
    from fomm.faces import source_face
    from live.gallery import Collection, gallery_folder
    from live.notices import Notices

    place = gallery_folder(None if folder is None else str(folder), Notices())
    print(place)
    for number, picture in enumerate(Collection([place]).scan(), 1):
        try:
            source = load_source(picture, max_side=1920)
            source_face(source)
            what = "" if source.landmarks is None else "  (face marked by hand)"
        except FommError as error:
            what = f"  cannot be used: {error}"
        print(f"{number:>3}  {picture.name}{what}")
