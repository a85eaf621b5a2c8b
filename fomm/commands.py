"""The subcommands and flags of `fomm`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import fomm
from fomm import (
    bench_cli,
    cli_errors,
    evaluate_cli,
    export_cli,
    models_cli,
    resources,
    synthesize_cli,
    train_cli,
)
from fomm.animators import MODELS, is_neural
from fomm.errors import FommError, ImageError
from fomm.sections import suggestion
from fomm.wording import counted, measured

if TYPE_CHECKING:
    from fomm.offline import Neutral, Progress, Summary

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
app.command()(bench_cli.bench)
app.command()(export_cli.export)
app.command()(train_cli.train)
app.command()(synthesize_cli.synthesize)

#: The rate of so few frames would be that of starting up.
_FEW = 10

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
        list[str],
        typer.Argument(
            help="The video whose motion it takes, or 'demo'. Several, or a folder of videos, give a result each.",
            metavar="DRIVING...",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="What to write: a video (.mp4, .m4v, .mov, .webm), a .gif, or a folder of pictures: DIR/ or "
            "DIR/%05d.png. For several clips: DIR/, or a name with {clip} in it.",
            metavar="OUT",
        ),
    ],
    model: Annotated[
        str, typer.Option(help=f"What animates: {', '.join(MODELS)}; or your own config.yaml.")
    ] = "landmark-warp",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of weights instead of the pulled ones.", metavar="FILE")
    ] = None,
    mouth: Annotated[
        Mouth | None,
        typer.Option(
            help="What fills an opened mouth: the driver's own teeth and tongue, or paint (bundled models).",
            show_default="driver",
        ),
    ] = None,
    neutral: Annotated[
        str,
        typer.Option(
            help="The driving frame that counts as no motion: 'first' with a face, 'best' for the one most like the "
            "picture, or its number, from 0.",
            metavar="first|best|N",
        ),
    ] = "first",
    best_frame: Annotated[bool, typer.Option("--best-frame", help="The same as --neutral best.")] = False,
    relative: Annotated[
        bool | None,
        typer.Option(
            "--relative/--absolute",
            help="Move the picture as the driver moves away from the neutral frame, or put it into the driver's pose "
            "as it is (neural models).",
            show_default="as the model's config says: relative",
        ),
    ] = None,
    adapt_scale: Annotated[
        bool,
        typer.Option(
            "--adapt-scale",
            help="Scale motion by the two faces' sizes (neural models; landmark-warp always does).",
        ),
    ] = False,
    crop: Annotated[
        Literal["none", "source", "driving", "both"] | None,
        typer.Option(
            help="What is cut to a square around the face first.",
            show_default="both for models of faces, none for others",
        ),
    ] = None,
    paste_back: Annotated[
        bool, typer.Option("--paste-back", help="Put the animated square back into the whole picture.")
    ] = False,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="Show source, driving video and result in a row.")
    ] = False,
    max_side: Annotated[
        int | None,
        typer.Option(
            help="Scale larger pictures down to this many pixels a side.",
            metavar="N",
            min=64,
            show_default="3840",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            help="How many frames a neural model makes at once.",
            metavar="N",
            min=1,
            show_default="16 on a GPU, 1 elsewhere",
        ),
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

    The result has the picture's size (the neural models': that of their frames, unless pasted back) and the video's
    frames and sound: as many, at the same times.
    """
    from fomm.offline import Animation, clips_in, outputs_for
    from fomm.video import VideoReader

    for what, names in (("SOURCE", [source]), ("DRIVING", driving), ("--output", [output])):
        if not all(names):  # such as "$UNSET": as a path it would be the folder we are in
            raise typer.BadParameter("it is empty, where a file is to be named", param_hint=what)
    pose = _parse_neutral("best" if best_frame else neutral)
    named = [resources.CLIPS / "talking_head.mp4" if name == DEMO else Path(name) for name in driving]
    clips = clips_in(named)
    outputs = outputs_for(clips, output, several=len(named) > 1 or named[0].is_dir())
    picture = find_avatar(source)
    for target in outputs:
        target.check(overwrite=overwrite, inputs=(picture, *clips))
    if len(clips) == 1:
        VideoReader(clips[0]).close()  # refused before the picture is prepared, which takes longer
    options: dict[str, Any] = {
        "checkpoint": checkpoint and str(checkpoint),
        "mouth": mouth and mouth.value,
        "relative": relative,
        "adapt_scale": adapt_scale or None,
        "engine": engine,
        "device": device,
        "max_side": max_side,
        "fall_back": (lambda said: print(said, file=sys.stderr)) if is_neural(model) else None,
    }
    animation = Animation(
        picture,
        model=model,
        crop=crop,
        paste_back=paste_back,
        side_by_side=side_by_side,
        batch=batch,
        **{name: value for name, value in options.items() if value is not None},
    )
    failed, told = 0, set[str]()
    for clip, target in zip(clips, outputs, strict=True):
        started = time.perf_counter()
        try:
            with _progress_bar(clip.name if len(clips) > 1 else "") as progress:
                done = animation.to_file(clip, target, neutral=pose, overwrite=overwrite, progress=progress)
        except FommError as error:
            if len(clips) == 1:
                raise
            failed += 1
            print(f"fomm: {error}", file=sys.stderr)
            continue
        _report(done, time.perf_counter() - started, model, told)
    if failed:
        print(f"{failed} of {len(clips)} clips could not be used.", file=sys.stderr)
        raise typer.Exit(cli_errors.REFUSED)


def _report(done: Summary, elapsed: float, model: str, told: set[str]) -> None:
    """Say what was written, and what has not been told of the picture before."""
    for notice in done.notices:
        if notice not in told:
            print(notice)
    told.update(done.notices)
    if done.undriven:
        show = "shows" if done.undriven == 1 else "show"
        print(f"{done.undriven} of {counted(done.frames, 'driving frame')} {show} no face.")
    width, height = done.size
    few = done.frames <= _FEW
    fast = f" in {measured(elapsed, 's')}" if few else f", {measured(done.frames / elapsed, 'FPS')}"
    made = counted(done.frames, "frame")
    print(f"{done.path}: {made}{fast} ({width}x{height}, {model}, {done.device})")


def find_avatar(name: str) -> Path:
    """The picture that `name` means: a file, or else the bundled avatar of that name, whatever its case.

    Raises:
        ImageError: it is neither, and a name rather than a path.
    """
    path = Path(name)
    if path.exists() or not resources.AVATARS.is_dir():
        return path
    wanted = name.casefold()
    bundled = sorted(file for file in resources.AVATARS.iterdir() if file.suffix != ".json")
    for picture in bundled:
        if wanted in (picture.stem, picture.name):
            return picture
    if path.parent != Path() or path.suffix:
        return path
    names = [picture.stem for picture in bundled]
    raise ImageError(
        f"{name}: no such file, and no bundled picture is called so{suggestion(wanted, names)}; "
        f"give a picture's path, or one of {', '.join(names)}"
    )


def _parse_neutral(text: str) -> Neutral:
    if text == "first":
        return "first"
    if text == "best":
        return "best"
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(
        f"{text!r} is neither 'first' nor 'best' nor a frame's number", param_hint="--neutral"
    )


@contextmanager
def _progress_bar(clip: str) -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal.

    It appears with the first frame: until then native libraries start, whose chatter is kept from stderr.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(doing: str, done: int, total: int | None) -> None:
            if doing not in tasks:
                tasks[doing] = bars.add_task(f"{doing} {clip}".rstrip(), total=total)
            bars.update(tasks[doing], completed=done, total=total)

        yield show
