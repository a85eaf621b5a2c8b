"""The flags and subcommands of `fomm-live`."""

# ruff: noqa: ARG001 - flags that overrule a setting are read from the context, see FLAGS

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from fomm import cli_errors
from fomm.animators import MODELS
from fomm.errors import ConfigError
from live.annotate.command import annotate, avatars
from live.doctor.command import doctor
from live.interrupts import Interrupted, Interrupts
from live.notices import Notices
from live.setup_camera.command import setup_camera

if TYPE_CHECKING:
    from live.app import Settings
    from live.config import Effective
    from live.report import Report


class _Commands(TyperGroup):
    """Knows what is meant where a file stands in a command's place."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0]
        if word not in self.commands and (Path(word).suffix or Path(word).exists()):
            raise ConfigError(
                f"{word} is no command; if it is the picture to animate: fomm-live --avatar {word}"
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="fomm-live",
    cls=_Commands,
    help="Your webcam drives a portrait, live, into the virtual camera 'FOMM Cam'.",
    epilog="Example: fomm-live --avatar einstein.jpg",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

config_app = typer.Typer(
    help="Your own settings: where they are, and what they amount to.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(config_app, name="config")

DEMO_OUTPUT = Path("out/demo.mp4")

#: Commands that Ctrl-C ends at once.
NOTHING_TO_FINISH = ("cameras", "doctor", "setup-camera")

#: Read from the arguments as they are, since errors in the arguments themselves heed it too.
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and library chatter.")]

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="Settings from this file instead of your own.", metavar="FILE"),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="One setting, such as output.fit=pad; see 'config show'. Repeatable.", metavar="K=V"
    ),
]

#: Flags whose value may be left out, which typer does not know.
OPTIONAL_VALUES = ("--record", "--microphone")

#: Flags that overrule a setting: name → the setting's path.
FLAGS = {
    "avatar": "gallery.avatars",
    "avatars": "gallery.folder",
    "camera": "camera.source",
    "rotate": "camera.rotate",
    "sink": "output.sinks",
    "size": "output.size",
    "fit": "output.fit",
    "paste_back": "output.paste_back",
    "microphone": "recording.microphone",
    "audio_delay": "recording.audio_delay_ms",
    "fps": "output.rate",
    "mirror": "output.mirror",
    "neutral": "calibration.neutral",
    "auto_recalibrate": "calibration.auto_recalibrate",
    "remember": "calibration.remember",
    "smooth": "tracking.smooth",
    "tracker": "tracking.tracker",
    "model": "model.name",
    "mouth": "model.mouth",
    "checkpoint": "model.checkpoint",
    "engine": "model.engine",
    "device": "model.device",
}


@app.callback(invoke_without_command=True)
def live(
    context: typer.Context,
    avatar: Annotated[
        list[str] | None,
        typer.Option(
            help="The picture to animate: a file, a folder, or a name in the gallery. Repeatable.",
            metavar="A",
        ),
    ] = None,
    avatars: Annotated[
        Path | None,
        typer.Option(
            help="The gallery: a folder of pictures; see 'avatars'.",
            metavar="DIR",
            show_default="your own folder, with the bundled ones in it",
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
    rotate: Annotated[
        int | None,
        typer.Option(
            help="Turn a camera that hangs sideways or upside down: 90, 180, 270 degrees, clockwise.",
            metavar="D",
            show_default="0",
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
    size: Annotated[
        str | None, typer.Option(help="Output size.", metavar="WxH", show_default="1280x720")
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            help="How a picture of another shape fills the output: blur, pad, or fill (cropped).",
            show_default="blur",
        ),
    ] = None,
    paste_back: Annotated[
        bool | None,
        typer.Option(
            "--paste-back/--no-paste-back",
            help="Show the whole picture around the face (neural models, which animate a square of it).",
            show_default="the square",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Rate asked of the camera and announced by 'FOMM Cam'.", show_default="30"),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            help="Begin recording at once: into a file, or into a new one in your videos' folder.",
            metavar="[FILE]",
        ),
    ] = None,
    microphone: Annotated[
        str | None,
        typer.Option(
            help="Recordings have sound: from the system's microphone, or one by name.",
            metavar="[DEVICE]",
            show_default="no sound",
        ),
    ] = None,
    audio_delay: Annotated[
        float | None,
        typer.Option(
            help="Milliseconds by which recorded sound is later; below 0 earlier.",
            metavar="MS",
            show_default="0",
        ),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="End after so many driving frames.", show_default="go on")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write measurements as JSON.", metavar="R.json")] = None,
    trace: Annotated[
        Path | None,
        typer.Option(help="Write what every thread did when, for chrome://tracing.", metavar="T.json"),
    ] = None,
    neutral: Annotated[
        str | None,
        typer.Option(
            help="The neutral pose: the best is searched ('auto'), the 'first' with a face, or a frame's number.",
            show_default="auto; first with --no-pace",
        ),
    ] = None,
    auto_recalibrate: Annotated[
        bool | None,
        typer.Option(
            "--auto-recalibrate/--no-auto-recalibrate",
            help="Take a new neutral pose where you or the camera have moved for good, rather than offer it.",
            show_default="offer it",
        ),
    ] = None,
    remember: Annotated[
        bool | None,
        typer.Option(
            "--remember/--no-remember",
            help="Keep the neutral pose of a webcam for the next session.",
            show_default="remember",
        ),
    ] = None,
    pace: Annotated[
        bool, typer.Option("--pace/--no-pace", help="Play videos in real time, or as fast as it goes.")
    ] = True,
    loop: Annotated[bool, typer.Option("--loop", help="Play videos again and again.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"What animates the picture: {', '.join(MODELS)}; or your own config.yaml.",
            show_default="landmark-warp",
        ),
    ] = None,
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
        str | None,
        typer.Option(
            help="What fills an opened mouth: the driver's own teeth and tongue, or painted.",
            show_default="driver",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let recordings replace files.")] = False,
    mirror: Annotated[
        bool | None, typer.Option("--mirror/--no-mirror", help="Begin with the output mirrored.")
    ] = None,
    smooth: Annotated[
        float | None,
        typer.Option(
            help="Calm your face's tremble: 0 (off) to 1 (very calm, a little late).",
            metavar="S",
            show_default="0.5",
        ),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(
            help="What finds your face: openvino, mediapipe, or the faster that works.", show_default="auto"
        ),
    ] = None,
    config_file: ConfigFile = None,
    assignments: Assignments = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    _debug: Debug = False,
) -> None:
    """Your webcam drives a portrait, live, into the virtual camera 'FOMM Cam'."""
    if version:
        import fomm

        print(f"fomm-live {fomm.__version__}")
        raise typer.Exit
    context.obj.check()  # Ctrl-C while the program was loading; there is nothing to finish yet
    if context.invoked_subcommand is not None:
        _refuse_flags(context)
        context.obj.immediate = context.invoked_subcommand in NOTHING_TO_FINISH
        return
    from live.app import Settings

    if frames is not None and frames < 1:
        raise ConfigError(f"--frames {frames} shows nothing; give 1 or more")
    notices = Notices()
    settings = Settings(
        config=_effective(config_file, assignments, notices, _given(context.params)).config,
        frames=frames,
        report=report,
        trace=trace,
        paced=pace,
        loop=loop,
        overwrite=overwrite,
        record=Path(record) if record else record is not None,
    )
    _run(context, settings, notices)


def _refuse_flags(context: typer.Context) -> None:
    """Flags in front of a subcommand would do nothing.

    Raises:
        ConfigError: there is one.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and "--debug" not in parameter.opts:
            off = context.params[parameter.name or ""] is False
            flag = (parameter.secondary_opts if off else parameter.opts)[0]
            raise ConfigError(
                f"{flag} in front of {context.invoked_subcommand} does nothing; "
                f"write flags behind it, see fomm-live {context.invoked_subcommand} --help"
            )


def _given(parameters: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The flags that overrule a setting, as `live.config.effective` takes them."""
    return {
        (flag := f"--{name.replace('_', '-')}"): (path, _as_setting(flag, value))
        for name, path in FLAGS.items()
        if (value := parameters[name]) is not None and value != []
    }


def _as_setting(flag: str, value: Any) -> Any:
    if flag in OPTIONAL_VALUES and value == "":
        return True
    return str(value) if isinstance(value, Path) else value


def _effective(
    file: Path | None,
    assignments: Sequence[str] | None,
    notify: Callable[[str], None],
    flags: Mapping[str, tuple[str, Any]] | None = None,
) -> Effective:
    from live.config import effective

    return effective(file=file, assignments=assignments or (), flags=flags, notify=notify)


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
    from fomm import resources
    from live.app import Settings
    from live.config import CameraConfig, GalleryConfig, LiveConfig, OutputConfig
    from live.sources import DEMO

    target = output or DEMO_OUTPUT
    if output is None:
        DEMO_OUTPUT.parent.mkdir(exist_ok=True)
    settings = Settings(
        # The same for everybody: a user's own settings are for calls.
        config=LiveConfig(
            camera=CameraConfig(DEMO),
            gallery=GalleryConfig(folder=str(resources.AVATARS)),
            output=OutputConfig(sinks=(str(target),), size=(512, 512)),
        ),
        paced=False,
        report=report,
        # The demo's own file is its to replace; one that the user named is not.
        overwrite=overwrite or output is None,
    )
    _run(context, settings, Notices())
    print(f"The video is {target}")


@app.command()
def cameras() -> None:
    """List cameras: formats, sizes, rates."""
    from live.sources.cameras import list_cameras
    from live.sources.listing import describe

    print("\n".join(describe(list_cameras())))


@app.command()
def keys(config_file: ConfigFile = None, _debug: Debug = False) -> None:
    """List the keys of the preview window and of the terminal."""
    from live.keytable import as_lines

    print("\n".join(as_lines(_effective(config_file, None, Notices()).config.table())))


app.command("setup-camera")(setup_camera)
app.command()(annotate)
app.command()(avatars)
app.command()(doctor)


@app.command()
def send(
    command: Annotated[str, typer.Argument(help="What to do; 'fomm-live send list' prints all of it.")],
    argument: Annotated[str, typer.Argument(help="For commands that take one: 'size 640x480'.")] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help="For passthrough: yes, show my real face.")
    ] = False,
    session: Annotated[
        int | None, typer.Option(help="Process id of the session, where several run.", metavar="PID")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All running sessions.")] = False,
    _debug: Debug = False,
) -> None:
    """Have the running session do something, from another terminal or a desktop shortcut."""
    from live.hotkeys import HOTKEYS, parse_command

    if command == "list":
        for row in HOTKEYS:
            print(f"{f'{row.command.value} {row.argument}':<24}{row.help}")
        return
    from live.remote import Order
    from live.remote import send as send_order

    order = Order(parse_command(command), "confirm" if confirm else argument)
    answers = send_order(order, session=session, everyone=everyone)
    failed = [answer.text for _, answer in answers if not answer.done]
    for process, answer in answers:
        if answer.done:
            print(f"{process}: {answer.text}" if len(answers) > 1 else answer.text)
    if failed:
        raise ConfigError("; ".join(failed))


@config_app.command()
def show(config_file: ConfigFile = None, assignments: Assignments = None, _debug: Debug = False) -> None:
    """Print what a session would run with, and where each value comes from."""
    from live.config import as_yaml

    print(as_yaml(_effective(config_file, assignments, Notices())))


@config_app.command()
def edit_path(_debug: Debug = False) -> None:
    """Print where your own settings are; the file is made, with every default explained, where there is none."""
    from live.config import begin_file, user_file

    begin_file(user_file())
    print(user_file())


def _run(context: typer.Context, settings: Settings, notices: Notices) -> None:
    from live.app import run

    def tell(report: Report) -> None:
        with contextlib.suppress(
            OSError
        ):  # the terminal may have been closed; the report is still to be written
            print(report.line(), flush=True)

    run(settings, notices=notices, interrupts=context.obj, tell=tell)


def _with_values(arguments: Sequence[str]) -> list[str]:
    """The arguments with an empty value behind each of `OPTIONAL_VALUES` that has none of its own."""
    filled: list[str] = []
    for place, argument in enumerate(arguments):
        filled.append(argument)
        follows = arguments[place + 1] if place + 1 < len(arguments) else "-"
        if argument in OPTIONAL_VALUES and follows.startswith("-"):
            filled.append("")
    return filled


def main(arguments: list[str], interrupts: Interrupts) -> int:
    """Run the command; the exit status. Errors meant for the user are one line on stderr."""
    try:
        return cli_errors.run(app, _with_values(arguments), program="fomm-live", obj=interrupts)
    except Interrupted as ended:
        return ended.status
