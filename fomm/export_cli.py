"""`fomm export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.", metavar="DIR")],
    engine: Annotated[str, typer.Option(help="What will run it: onnx, openvino or tensorrt.")] = "onnx",
    model: Annotated[str, typer.Option(help="A published model, or your own config.yaml.")] = "vox-256",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of weights instead of the pulled ones.", metavar="FILE")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="What pictures are painted in: fp32, openvino also int8, tensorrt also fp16.",
            show_default="fp32; fp16 for tensorrt",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Write a neural model as files that other programs can run, with a description of what goes in and out."""
    from fomm import exporting

    folder = exporting.export(
        model,
        output,
        engine=engine,
        precision=precision,
        checkpoint=checkpoint,
        overwrite=overwrite,
        tell=lambda text: print(text, file=sys.stderr),
    )
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
