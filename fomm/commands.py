"""The subcommands and flags of `fomm`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import typer

import fomm
from fomm import evaluate_cli, models_cli, resources
from fomm.animators import MODELS

app = typer.Typer(
    name="fomm",
    help="The First Order Motion Model for Image Animation, and a bundled animator that needs no weights.",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(models_cli.app, name="models")
app.command()(evaluate_cli.evaluate)

#: What DRIVING may say for the bundled clip.
DEMO = "demo"


class Mouth(str, Enum):
    """What fills a mouth that opens."""

    DRIVER = "driver"
    PAINTED = "painted"


@app.callback(invoke_without_command=True)
def _fomm(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"fomm {fomm.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
    else:
        return
    raise typer.Exit


@app.command()
def animate(
    source: Annotated[
        str,
        typer.Argument(help="The picture to animate: a file, or a bundled avatar's name.", metavar="SOURCE"),
    ],
    driving: Annotated[
        str, typer.Argument(help="The video whose motion it takes, or 'demo'.", metavar="DRIVING")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The video to write: .mp4, .m4v or .mov.", metavar="OUT.mp4"),
    ],
    model: Annotated[str, typer.Option(help=f"What animates: {', '.join(MODELS)}.")] = "landmark-warp",
    mouth: Annotated[
        Mouth | None,
        typer.Option(
            help="What fills an opened mouth: the driver's own teeth and tongue, or paint (landmark-warp).",
            show_default="driver",
        ),
    ] = None,
    neutral: Annotated[
        str,
        typer.Option(
            help="The driving frame that counts as no motion: 'first' with a face, or its number, from 0.",
            metavar="first|N",
        ),
    ] = "first",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of weights instead of the pulled ones.", metavar="FILE")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="What executes the networks.", show_default="auto")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where, e.g. cpu or cuda:0.", show_default="the best there is")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Animate a picture with a video.

    The result has the picture's size (the neural models': that of their frames) and the video's frames: as
    many, at the same times.
    """
    from fomm.offline import animate_to_file

    options = {
        "mouth": mouth and mouth.value,
        "checkpoint": checkpoint and str(checkpoint),
        "engine": engine,
        "device": device,
    }
    started = time.perf_counter()
    with _progress_bar() as progress:
        done = animate_to_file(
            find_avatar(source),
            resources.CLIPS / "talking_head.mp4" if driving == DEMO else Path(driving),
            output,
            model=model,
            neutral=_parse_neutral(neutral),
            overwrite=overwrite,
            progress=progress,
            **{name: value for name, value in options.items() if value is not None},
        )
    elapsed = time.perf_counter() - started
    for notice in done.notices:
        print(notice)
    if done.undriven:
        print(f"{done.undriven} of {done.frames} driving frames show no face.")
    width, height = done.size
    rate = done.frames / elapsed
    print(f"{done.path}: {done.frames} frames, {rate:.1f} FPS ({width}x{height}, {model}, {done.device})")


def find_avatar(name: str) -> Path:
    """The picture that `name` means: a file, or else the bundled avatar of that name."""
    path = Path(name)
    if path.exists() or not resources.AVATARS.is_dir():
        return path
    bundled = (picture for picture in resources.AVATARS.iterdir() if picture.stem == name)
    return next(bundled, path)


def _parse_neutral(text: str) -> Literal["first"] | int:
    if text == "first":
        return "first"
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither 'first' nor a frame's number", param_hint="--neutral")


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar on stderr where that is a terminal.

    It appears with the first frame: until then native libraries start, whose chatter is kept from stderr.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        "animating", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("animating", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
