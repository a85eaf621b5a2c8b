"""`fomm train`: train a model on clips, as the paper does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fomm import cli_errors
from fomm.errors import ConfigError
from fomm.wording import counted

if TYPE_CHECKING:
    from fomm.training import Summary


def train(
    config: Annotated[
        str,
        typer.Argument(help="What is trained: a published config's name, or a YAML file.", metavar="CONFIG"),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder of log, sample sheets, states and checkpoints.",
            metavar="DIR",
            show_default="runs/CONFIG",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The folder of clips; as --set dataset_params.root_dir=DIR.", metavar="DIR"),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="face-lite: render people while training instead of reading --data; "
            "as --set dataset_params.stream=true.",
        ),
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a key of the config, e.g. train_params.batch_size=8; may be given several times.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in --output.")] = False,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Resume although the config or the data have changed.")
    ] = False,
    init: Annotated[
        Path | None, typer.Option(help="Begin with the weights of a checkpoint.", metavar="FILE")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Learn from a trained model's pictures as well: a published one's name, or its YAML file.",
            metavar="MODEL",
        ),
    ] = None,
    teacher_checkpoint: Annotated[
        Path | None,
        typer.Option(help="The teacher's weights.", metavar="FILE", show_default="the pulled ones"),
    ] = None,
    vgg19: Annotated[
        Path | None,
        typer.Option(help="torchvision's VGG19 weights, for the paper's perceptual loss.", metavar="FILE"),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where: cpu, cuda, cuda:0.", show_default="the best there is")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="End after so many steps in all.", metavar="N", min=1, show_default="the config's epochs"
        ),
    ] = None,
    log_every: Annotated[int, typer.Option(help="Steps between rows of log.csv.", metavar="N", min=1)] = 50,
    sheet_every: Annotated[
        int, typer.Option(help="Steps between sample sheets; 0 makes none.", metavar="N", min=0)
    ] = 1000,
    save_minutes: Annotated[
        float, typer.Option(help="Minutes between states that --resume goes on from.", metavar="M", min=0)
    ] = 5,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that read clips, or render people.",
            metavar="N",
            min=0,
            show_default="clips: 4 with a GPU, 0 without; people: one a core",
        ),
    ] = None,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train a model on videos of one kind of thing, without labels.

    Clips are videos or folders of pictures, in DIR or in DIR/train. Ctrl-C keeps the state and ends; --resume goes on
    from there, or from the last state after a kill. On several GPUs: torchrun --nproc-per-node N -m fomm.training ...
    """
    from fomm import checkpoints
    from fomm import config as configs
    from fomm.training import Schedule, Teacher, correction
    from fomm.training import train as run

    lite = correction.find(config)
    wanted = lite if lite is not None else configs.load(config, besides=[correction.KIND]).to_dict()
    name = Path(config).stem if config.endswith((".yaml", ".yml")) else config
    for change in changes or []:
        _apply(wanted, change)
    if data is not None:
        _apply(wanted, f"dataset_params.root_dir={json.dumps(str(data))}")
    if stream:
        _apply(wanted, "dataset_params.stream=true")
    schedule = Schedule(
        steps=steps,
        log_every=log_every,
        sheet_every=sheet_every,
        save_every=60 * save_minutes,
        workers=_default_workers(device) if workers is None else workers,
    )
    output = output or Path("runs") / name
    if lite is not None:
        _refuse(init=init, teacher=teacher, teacher_checkpoint=teacher_checkpoint, vgg19=vgg19)
        correcting = correction.parse(wanted)
        if correcting.dataset_params.stream:
            if data is not None:
                raise ConfigError("--data names shards, but people are streamed; leave out one of the two")
            if workers is None:
                schedule = replace(schedule, workers=_cores())
        with _no_empty_folder(output), _stopping() as stop:
            done = correction.train(
                correcting,
                output,
                schedule=schedule,
                device=device,
                resume=resume,
                accept_changes=accept_changes,
                stop=stop,
                tell=_tell,
            )
        _end(done, "use it with --model face-lite --checkpoint")
        return
    if stream:
        raise ConfigError(
            f"--stream: only face-lite is trained on it; for {name}, make clips with fomm synthesize --sequences"
        )
    parsed = configs.parse(wanted, name=name)
    if init is not None and resume:
        raise ConfigError("--init begins with other weights, --resume goes on with those there are; give one")
    taught: Teacher | None = None
    if teacher is not None:
        theirs = configs.load(teacher)
        taught = Teacher(theirs, teacher_checkpoint or checkpoints.locate(theirs.name))
    elif teacher_checkpoint is not None:
        raise ConfigError("--teacher-checkpoint: say with --teacher which model's weights these are")
    with _no_empty_folder(output), _stopping() as stop:
        done = run(
            parsed,
            output,
            schedule=schedule,
            device=device,
            vgg19=vgg19,
            init=init,
            teacher=taught,
            resume=resume,
            accept_changes=accept_changes,
            stop=stop,
            tell=_tell,
        )
    _end(done, f"use it with --model {done.folder / name}.yaml --checkpoint")


def _tell(line: str) -> None:
    print(line, flush=True)


def _end(done: Summary, advice: str) -> None:
    """Say how a training ended."""
    if not done.finished:
        print(f"stopped after step {done.step}; --resume goes on")
        raise typer.Exit(cli_errors.INTERRUPTED)
    if done.weights is not None:
        print(f"{done.weights}: {counted(done.step, 'step')}; {advice}")


def _refuse(**options: object) -> None:
    """Options that only the paper's models take."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"face-lite is trained without {' and '.join(given)}; leave it out")


def _apply(config: dict[str, Any], change: str) -> None:
    """Change one key of a config, given as `section.key=value`, the value in YAML."""
    from fomm import sections

    path, equals, text = change.partition("=")
    *parents, key = path.split(".")
    if not equals or not parents:
        raise ConfigError(f"--set {change}: give a key's whole path and its value, train_params.batch_size=8")
    try:
        value = sections.parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"--set {change}: {error}") from None
    section: Any = config
    for parent in parents:
        if not isinstance(section.get(parent), dict):
            section[parent] = {}
        section = section[parent]
    section[key] = value


def _cores() -> int:
    """Of this process's share of the machine, if torchrun started several."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)


def _default_workers(device: str | None) -> int:
    import torch

    on_gpu = torch.cuda.is_available() if device is None else device.startswith("cuda")
    return 4 if on_gpu else 0


@contextlib.contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """What was refused before it had made anything leaves no folder behind."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for part in missing:
                part.rmdir()


@contextlib.contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM, taken as a wish to end after the step in progress; a second one ends at once."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
