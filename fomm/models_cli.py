"""`fomm models`: the published weights on this machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from fomm.checkpoints.registry import Progress, Release
    from fomm.checkpoints.store import Installed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List, pull, verify, import and convert model weights.",
)

_TRUST = {
    "published": "its sha256 is a published one",
    "first use": "no hash of it was ever published: it is trusted as it first arrived, and held to that now",
    "unknown": "no hash of it is known: nothing vouches for it but the file's own origin",
}


@dataclass(frozen=True)
class _Row:
    """A model as `list` shows it."""

    model: str
    installed: Installed | None
    published: Release | None

    @classmethod
    def of(cls, model: str) -> _Row:
        from fomm import checkpoints
        from fomm.checkpoints.registry import releases_of

        return cls(model, checkpoints.installed(model), next(iter(releases_of(model)), None))

    @property
    def weights(self) -> str:
        if self.installed is not None:
            return f"{self.installed.size / 1e6:.0f} MB"
        if self.published is None:
            return "none"
        size = f"{self.published.size / 1e6:.0f} MB" if self.published.size else "about 750 MB"
        return f"not here ({size} to pull)"

    @property
    def hash(self) -> str:
        if self.installed is not None:
            return self.installed.trust
        known = self.published is not None and self.published.known
        return "published" if known else "on first use"


@app.command("list")
def list_models(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False
) -> None:
    """Show every model, whether its weights are on this machine, and where they can be had."""
    from fomm import checkpoints

    models = [_Row.of(model) for model in dict.fromkeys([*_published(), *checkpoints.stored()])]
    if as_json:
        rows = [asdict(row) for row in models]
        print(json.dumps({"folder": str(checkpoints.folder()), "models": rows}, indent=2, default=str))
        return
    table = Table("model", "weights", "hash", "licence", box=None, pad_edge=False, header_style="bold")
    table.add_row("landmark-warp", "needs none", "", "MIT")
    table.add_row("face-lite", "bundled", "", "MIT")
    for row in models:
        table.add_row(
            row.model, row.weights, row.hash, "" if row.published is None else row.published.licence
        )
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"Weights are kept in {checkpoints.folder()}", highlight=False)


@app.command()
def pull(
    model: Annotated[
        str,
        typer.Argument(help="A published model, e.g. vox-adv-256, or face-alignment, the optional tracker."),
    ],
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Never download; fail instead.")] = False,
    mirror: Annotated[
        list[str] | None,
        typer.Option("--mirror", metavar="URL", help="Download from here instead; may be repeated."),
    ] = None,
) -> None:
    """Download a model's weights, check them, and put them in place. Goes on where it last stopped."""
    from fomm import checkpoints, face_alignment

    if model == face_alignment.NAME:
        with _progress(f"pulling {model}") as progress:
            face_alignment.pull(progress=progress, mirrors=mirror, forbid_network=offline)
        print(f"{model}: its weights are in {face_alignment.folder()}")
        return
    already = checkpoints.installed(model)
    if already is not None:
        print(f"{model} is in place: {already.path}")
        return
    with _progress(f"pulling {model}") as progress:
        found = checkpoints.pull(model, progress=progress, mirrors=mirror, forbid_network=offline)
    print(f"{model}: {found.path}\n{_TRUST[found.trust]} (sha256 {found.sha256})")


@app.command()
def verify(
    model: Annotated[str, typer.Argument(help="A model that is in place, or a file.")],
) -> None:
    """Check weights: their hash, and that every parameter's name and shape is right."""
    from fomm import checkpoints

    with _progress(f"hashing {model}") as progress:
        verdict = checkpoints.verify(model, progress=progress)
    fits = ", ".join(verdict.models) or "no published config; give your own with --model"
    release = "" if verdict.release is None else f"{verdict.release.file} of {verdict.release.model}, "
    print(f"{verdict.path}: {release}{verdict.size:,} bytes, sha256 {verdict.sha256}")
    print(f"{_TRUST[verdict.trust]}\nfits {fits}")


@app.command("import")
def import_weights(
    file: Annotated[
        Path, typer.Argument(help="A published .pth.tar, one of your own, or a .safetensors file.")
    ],
    *,
    model: Annotated[
        str | None, typer.Option("--model", help="Whose weights they are, where the content does not tell.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace weights that are in place.")
    ] = False,
) -> None:
    """Put a copy of a file of weights in place."""
    from fomm import checkpoints

    with _progress(f"hashing {file.name}") as progress:
        found = checkpoints.import_file(file, model=model, overwrite=overwrite, progress=progress)
    print(f"{found.model}: {found.path}\n{_TRUST[found.trust]} (sha256 {found.sha256})")


@app.command()
def convert(
    source: Annotated[str, typer.Argument(help="A model that is in place, or a file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.")],
    *,
    precision: Annotated[
        Literal["fp32", "fp16"], typer.Option(help="fp16 halves the file; convolutions lose digits.")
    ] = "fp32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write the inference part of weights as safetensors."""
    from fomm import checkpoints

    path = checkpoints.find(source)
    model = "" if path == Path(source) else source
    written = checkpoints.convert(path, output, precision=precision, model=model, overwrite=overwrite)
    print(f"{written}: {written.stat().st_size / 1e6:.0f} MB")


def _published() -> list[str]:
    from fomm import config

    return config.names()


@contextlib.contextmanager
def _progress(description: str) -> Iterator[Progress]:
    """A progress bar on stderr that knows bytes, speed and the time left; none where stderr is no
    terminal."""
    from rich import progress as bars

    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(description, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
