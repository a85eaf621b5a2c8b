"""The flags and subcommands of `fomm-live`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fomm import cli_errors
from fomm.animators import MODELS
from fomm.errors import ConfigError
from live.interrupts import Interrupted, Interrupts
from live.setup_camera.command import setup_camera

app = typer.Typer(
    name="fomm-live",
    help="Your webcam drives a portrait, live, into the virtual camera 'FOMM Cam'.",
    epilog="Example: fomm-live --avatar einstein.jpg",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

DEMO_OUTPUT = Path("out/demo.mp4")

#: Read from the arguments as they are, since errors in the arguments themselves heed it too.
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and library chatter.")]


@app.callback(invoke_without_command=True)
def live(
    context: typer.Context,
    avatar: Annotated[
        list[str] | None,
        typer.Option(
            help="The picture to animate: a file, a folder, or a bundled name. Repeatable.", metavar="A"
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="What drives it: a camera's index or name, a video, a folder of pictures, or 'demo'.",
            metavar="C",
            show_default="the first camera",
        ),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            help="Where frames go: vcam, window, null, or a file ending in .mp4. Repeatable.",
            metavar="S",
            show_default="vcam, and window where there is a display",
        ),
    ] = None,
    size: Annotated[str, typer.Option(help="Output size.", metavar="WxH")] = "1280x720",
    fit: Annotated[
        str,
        typer.Option(help="How a picture of another shape fills the output: blur, pad, or fill (cropped)."),
    ] = "blur",
    fps: Annotated[float, typer.Option(help="Rate asked of the camera and announced by 'FOMM Cam'.")] = 30.0,
    frames: Annotated[
        int | None, typer.Option(help="End after so many driving frames.", show_default="go on")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write measurements as JSON.", metavar="R.json")] = None,
    neutral: Annotated[
        str, typer.Option(help="The neutral pose: 'first' frame with a face, or a frame's number.")
    ] = "first",
    pace: Annotated[
        bool, typer.Option("--pace/--no-pace", help="Play videos in real time, or as fast as it goes.")
    ] = True,
    loop: Annotated[bool, typer.Option("--loop", help="Play videos again and again.")] = False,
    model: Annotated[
        str, typer.Option(help=f"What animates the picture: {', '.join(MODELS)}; or your own config.yaml.")
    ] = "landmark-warp",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of weights instead of the pulled ones.", metavar="FILE")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="What executes a neural model.", show_default="auto")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Where a neural model runs: cpu, cuda, cuda:1.", show_default="cuda where there is one"
        ),
    ] = None,
    mouth: Annotated[
        str, typer.Option(help="What fills an opened mouth: the driver's own teeth and tongue, or painted.")
    ] = "driver",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let recordings replace files.")] = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="Begin with the output mirrored.")] = False,
    smooth: Annotated[
        float,
        typer.Option(help="Calm your face's tremble: 0 (off) to 1 (very calm, a little late).", metavar="S"),
    ] = 0.5,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    _debug: Debug = False,
) -> None:
    """Your webcam drives a portrait, live, into the virtual camera 'FOMM Cam'."""
    if version:
        import fomm

        print(f"fomm-live {fomm.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    from live.app import Settings
    from live.calibration import parse_neutral
    from live.composer import FITS, parse_size

    if fit not in FITS:
        raise ConfigError(f'--fit "{fit}" is unknown; choose {", ".join(FITS)}')
    if frames is not None and frames < 1:
        raise ConfigError(f"--frames {frames} shows nothing; give 1 or more")
    if not 1 <= fps <= 240:
        raise ConfigError(f"--fps {fps:g} is out of range; give 1 to 240")
    _run(
        context,
        Settings(
            avatars=avatar or (),
            camera=camera,
            sinks=sink or (),
            size=parse_size(size),
            fit=fit,
            rate=fps,
            frames=frames,
            report=report,
            neutral=parse_neutral(neutral),
            paced=pace,
            loop=loop,
            model=model,
            mouth=mouth,
            checkpoint=checkpoint,
            engine=engine,
            device=device,
            overwrite=overwrite,
            mirror=mirror,
            smooth=smooth,
        ),
    )


@app.command()
def demo(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the video.", show_default=str(DEMO_OUTPUT))
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write measurements as JSON.", metavar="R.json")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let --output replace a file.")] = False,
    _debug: Debug = False,
) -> None:
    """Animate a bundled picture with the bundled clip, through the same loop as the webcam."""
    from live.app import Settings
    from live.sources import DEMO

    target = output or DEMO_OUTPUT
    if output is None:
        DEMO_OUTPUT.parent.mkdir(exist_ok=True)
    _run(
        context,
        Settings(
            camera=DEMO,
            sinks=(str(target),),
            size=(512, 512),
            paced=False,
            report=report,
            # The demo's own file is its to replace; one that the user named is not.
            overwrite=overwrite or output is None,
        ),
    )
    print(f"The video is {target}")


@app.command()
def cameras() -> None:
    """List the cameras that can drive an avatar."""
    from live.sources.cameras import list_cameras

    found = list_cameras()
    print("\n".join(map(str, found)) if found else "no camera found; --camera also takes a video, or 'demo'")


@app.command()
def keys() -> None:
    """List the keys of the preview window and of the terminal."""
    from live.hotkeys import Hotkeys

    for shown, what in Hotkeys().rows():
        print(f"{shown:<16}{what}")


app.command("setup-camera")(setup_camera)


def _run(context: typer.Context, settings: Any) -> None:
    from live.app import run
    from live.notices import Notices

    run(settings, notices=Notices(), interrupts=context.obj, tell=lambda report: print(report.line()))


def main(arguments: list[str], interrupts: Interrupts) -> int:
    """Run the command; the exit status. Errors meant for the user are one line on stderr."""
    try:
        return cli_errors.run(app, arguments, program="fomm-live", obj=interrupts)
    except Interrupted as ended:
        return ended.status
