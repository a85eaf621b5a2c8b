"""`fomm synthesize`: frames of synthetic people to train on."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer


def synthesize(
    output: Annotated[Path, typer.Argument(help="The folder to write shards to.", metavar="DIR")],
    *,
    shards: Annotated[int, typer.Option(help="How many shards.", metavar="N", min=1)] = 5,
    first: Annotated[
        int, typer.Option(help="The number of the first one: several processes may share a folder.", min=0)
    ] = 0,
    identities: Annotated[int, typer.Option(help="People in a shard.", metavar="N", min=1)] = 20,
    pairs: Annotated[int, typer.Option(help="Pairs of frames of each person.", metavar="N", min=1)] = 4,
    size: Annotated[
        int, typer.Option(help="Width and height of the frames in pixels.", metavar="N", min=64, max=1024)
    ] = 256,
    seed: Annotated[int, typer.Option(help="Settles everybody.", metavar="N", min=0)] = 0,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a picture of the first pairs to look at.", metavar="PNG")
    ] = None,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Render pairs of frames of people who do not exist, with exact motion, visibility and masks.

    Needs the extra 'synthetic' and EGL. Shards that are there already are left as they are. The same options give
    the same pairs.
    """
    from fomm.synthetic.needs import require_extra

    require_extra()
    from PIL import Image

    from fomm.errors import ConfigError
    from fomm.synthetic.pairs import Plan, contact_sheet, read_shard, write_shards
    from fomm.synthetic.pairs.shards import shard_path

    if sheet is not None and (sheet.suffix.lower() != ".png" or not sheet.parent.is_dir()):
        raise ConfigError(f"{sheet}: give a .png file in a folder that exists")
    numbers = range(first, first + shards)
    plan = Plan(size=size, seed=seed, identities=identities, pairs=pairs)
    written = 0
    with _progress_bar() as progress:
        for path in write_shards(output, plan, numbers, progress=progress):
            written += 1
            print(f"{path}: {identities} people", flush=True)
    if written < shards:
        print(f"{shards - written} of {shards} shards were there already.")
    if sheet is not None:
        Image.fromarray(
            contact_sheet(read_shard(shard_path(output, first))[:: max(pairs // 2, 1)][:18])
        ).save(sheet)
        print(sheet)


@contextlib.contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("people", total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield show
