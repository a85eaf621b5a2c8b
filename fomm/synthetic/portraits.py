"""Makes the bundled synthetic portraits: `python -m fomm.synthetic.portraits FOLDER`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from fomm.synthetic import backdrops, cast
from fomm.synthetic.arrays import Array
from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.needs import one_line_errors, require_extra
from fomm.synthetic.people import Person
from fomm.synthetic.render import Framing, Renderer

#: File name → who, in front of what.
PORTRAITS: dict[str, tuple[Person, Callable[[int], Array]]] = {
    "amara.jpg": (cast.AMARA, backdrops.window),
    "henrik.jpg": (cast.HENRIK, backdrops.shelves),
}


def make_portrait(heads: HeadFactory, name: str, *, size: int = 768, supersample: int = 3) -> Array:
    """One of `PORTRAITS`: `(size, size, 3)` uint8 RGB."""
    person, backdrop = PORTRAITS[name]
    framing = Framing(height=0.40, eyes_at=(0.5, 0.42))
    with Renderer(
        heads,
        person,
        size=size,
        supersample=supersample,
        backdrop=backdrop(size),
        framing=framing,
    ) as renderer:
        return renderer.render(Pose())


def main() -> None:
    """Command line."""
    from PIL import Image

    parser = argparse.ArgumentParser(description="Render the bundled synthetic portraits.")
    parser.add_argument("folder", type=Path, help="where to write them; files of the same name are replaced")
    parser.add_argument("--only", action="append", choices=sorted(PORTRAITS), help="this one (repeatable)")
    parser.add_argument("--size", type=int, default=768, help="width and height in pixels")
    wanted = parser.parse_args()
    with one_line_errors():
        require_extra()
        heads = HeadFactory()
        wanted.folder.mkdir(parents=True, exist_ok=True)
        for name in wanted.only or PORTRAITS:
            path = wanted.folder / name
            Image.fromarray(make_portrait(heads, name, size=wanted.size)).save(
                path, quality=90, optimize=True
            )
            print(path)


if __name__ == "__main__":
    main()
