"""`fomm synthesize`: frames of synthetic people to train on."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from fomm.wording import counted


def synthesize(
    output: Annotated[Path, typer.Argument(help="The folder to write to.", metavar="DIR")],
    *,
    shards: Annotated[int, typer.Option(help="How many shards.", metavar="N", min=1)] = 5,
    sequences: Annotated[
        int,
        typer.Option(help="Clips instead of shards: how many, each of another person.", metavar="N", min=0),
    ] = 0,
    first: Annotated[
        int,
        typer.Option(
            help="The number of the first shard or clip: several processes may share a folder.", min=0
        ),
    ] = 0,
    identities: Annotated[int, typer.Option(help="People in a shard.", metavar="N", min=1)] = 20,
    pairs: Annotated[int, typer.Option(help="Pairs of frames of each person.", metavar="N", min=1)] = 4,
    frames: Annotated[int, typer.Option(help="Frames in a clip.", metavar="N", min=2)] = 100,
    fps: Annotated[float, typer.Option(help="Frames a second in a clip.", min=1, max=240)] = 25,
    size: Annotated[
        int, typer.Option(help="Width and height of the frames in pixels.", metavar="N", min=64, max=1024)
    ] = 256,
    seed: Annotated[int, typer.Option(help="Settles everybody.", metavar="N", min=0)] = 0,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a picture of the first pairs to look at.", metavar="PNG")
    ] = None,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Render people who do not exist: pairs of frames, or clips, with exact motion, visibility and masks.

    Needs the extra 'synthetic' and EGL. What is there already is left as it is. The same options give the
    same people. Clips are folders of PNG files, which fomm train reads, with the rest of what is known in truth.npz.
    """
    from fomm.synthetic.needs import require_extra

    require_extra()
    from PIL import Image

    from fomm.errors import ConfigError
    from fomm.synthetic.pairs import (
        ClipPlan,
        Plan,
        contact_sheet,
        read_clip,
        read_shard,
        write_clips,
        write_shards,
    )
    from fomm.synthetic.pairs.clips import clip_path
    from fomm.synthetic.pairs.shards import shard_path

    if sheet is not None and (sheet.suffix.lower() != ".png" or not sheet.parent.is_dir()):
        raise ConfigError(f"{sheet}: give a .png file in a folder that exists")
    wanted = sequences or shards
    numbers = range(first, first + wanted)
    written = 0
    with _progress_bar() as progress:
        if sequences:
            clips = ClipPlan(size=size, seed=seed, frames=frames, fps=fps)
            made = write_clips(output, clips, numbers, progress=progress)
            what = counted(frames, "frame")
        else:
            plan = Plan(size=size, seed=seed, identities=identities, pairs=pairs)
            made = write_shards(output, plan, numbers, progress=progress)
            what = counted(identities, "person", "people")
        for path in made:
            written += 1
            print(f"{path}: {what}", flush=True)
    if written < wanted:
        asked = counted(wanted, "clip" if sequences else "shard")
        print(f"Already there: {wanted - written} of {asked}.")
    if sheet is not None:
        if sequences:
            shown = read_clip(clip_path(output, first))[:: max(frames // 18, 1)]
        else:
            shown = read_shard(shard_path(output, first))[:: max(pairs // 2, 1)]
        Image.fromarray(contact_sheet(shown[:18])).save(sheet)
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
