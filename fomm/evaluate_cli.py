"""`fomm evaluate`: how well a model reconstructs the clips of a data set."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from fomm.errors import ConfigError
from fomm.wording import counted

if TYPE_CHECKING:
    from fomm.evaluation import Report, Scores
    from fomm.evaluation.evaluate import Progress


class Cropping(str, Enum):
    """What of a frame is evaluated."""

    AUTO = "auto"
    FACE = "face"
    NONE = "none"


def evaluate(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A folder of clips: videos, or folders of pictures; or one with such a folder called 'test'.",
            metavar="DATASET",
        ),
    ],
    *,
    model: Annotated[
        str, typer.Option(help="What is measured: a model, see `fomm models list`, or a YAML config.")
    ] = "landmark-warp",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of weights instead of the pulled ones.", metavar="FILE")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="What executes the networks.", show_default="auto")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where, e.g. cpu or cuda:0.", show_default="the best there is")
    ] = None,
    detector: Annotated[
        str, typer.Option(help="Whose points of a face are compared: mediapipe, face-alignment.")
    ] = "mediapipe",
    embedder: Annotated[
        str,
        typer.Option(help="Whose identity embeddings are compared: dlib, none, auto (what is installed)."),
    ] = "auto",
    crop: Annotated[
        Cropping,
        typer.Option(
            help="Evaluate all of a frame, or a square around the face (auto: where it is not square)."
        ),
    ] = Cropping.AUTO,
    limit: Annotated[
        int | None, typer.Option(help="Take only the first so many clips.", min=1, metavar="N")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here as well.", metavar="FILE")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Reconstruct each clip from its first frame and its motion, and measure how far off that is.

    L1: difference of the colours, which are in [0, 1]. AKD: distance of the face's points in pixels. MKR: part of the
    faces that are lost. AED: distance of the identity embeddings. The less, the better.
    """
    from fomm import evaluation

    if json_file is not None:
        _check_output(json_file, overwrite=overwrite)
    with _progress_bar() as progress:
        report = evaluation.evaluate(
            dataset,
            model=model,
            checkpoint=checkpoint,
            engine=engine,
            device=device,
            detector=detector,
            embedder=embedder,
            crop=crop.value,
            limit=limit,
            progress=progress,
        )
    if json_file is not None:
        _write(json_file, json.dumps(report.to_dict(), indent=2) + "\n")
    _print(report, Console(soft_wrap=True, highlight=False))


def _print(report: Report, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("clip", overflow="fold")
    for heading in ("frames", "L1", "AKD", "MKR", "AED"):
        table.add_column(heading, justify="right")
    for name, scores in report.clips.items():
        table.add_row(name, *_cells(scores))
    table.add_section()
    table.add_row("mean over frames", *_cells(report.mean), style="bold")
    console.print(table)
    width, height = report.size
    motion = f"{report.motion} motion" if report.motion == "absolute" else f"motion {report.motion}"
    console.print(f"{report.model} on {report.device}, {width}x{height}, {motion}", markup=False)
    if report.detector is not None:
        console.print(f"AKD (pixels) and MKR by {report.detector}", markup=False)
    if report.embedder is not None:
        console.print(f"AED by {report.embedder}", markup=False)
    for names, reason in _by_reason(report.unmeasured):
        console.print(f"{names} unmeasured: {reason}", markup=False)
    if report.skipped:
        clips = counted(len(report.skipped) + len(report.clips), "clip")
        console.print(f"{len(report.skipped)} of {clips} skipped:")
    for clip in report.skipped:
        console.print(f"  {clip.name}: {clip.reason}", markup=False)


def _cells(scores: Scores) -> tuple[str, ...]:
    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        str(scores.frames),
        f"{scores.l1:.4f}",
        cell(scores.akd, ".2f"),
        cell(scores.mkr, ".3f"),
        cell(scores.aed, ".3f"),
    )


def _by_reason(unmeasured: dict[str, str]) -> list[tuple[str, str]]:
    reasons = dict.fromkeys(unmeasured.values())
    return [
        (", ".join(name.upper() for name, why in unmeasured.items() if why == reason), reason)
        for reason in reasons
    ]


def _check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that cannot be written before hours are spent on what goes there."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} already exists; add --overwrite to replace it, or choose another name")
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} does not exist; create it, or choose another")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); choose another place") from None
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _progress_bar() -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal.

    It appears with the first frame: until then native libraries start, whose chatter is kept from stderr.
    """
    from rich import progress as bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    with bars.Progress(*columns, bars.TimeRemainingColumn(), console=console, transient=True) as shown:
        task = shown.add_task("", total=None, visible=False)

        def advance(name: str, frames: int, done: int, total: int) -> None:
            shown.update(
                task, description=f"{name}, frame {frames}", completed=done, total=total, visible=True
            )

        yield advance
