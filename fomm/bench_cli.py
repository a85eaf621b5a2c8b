"""`fomm bench`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from fomm.animators import MODELS


def bench(
    model: Annotated[str, typer.Option(help=f"{', '.join(MODELS)}; or your own config.yaml.")] = "vox-256",
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of weights instead of the pulled ones.", metavar="FILE")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What executes the networks: auto, cuda, openvino, torch, ...")
    ] = "auto",
    precision: Annotated[
        str | None,
        typer.Option(help="fp32, fp16, bf16 or int8.", show_default="the fastest whose pictures are right"),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where, e.g. cpu or cuda:0.", show_default="the best there is")
    ] = None,
    frames: Annotated[int, typer.Option(help="How many to time.", min=3)] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Measure how fast a model is here, beside the published code in the same run.

    Without its weights at hand, a model is measured with weights from a formula.
    """
    from fomm import benchmarking

    result = benchmarking.bench(
        model,
        checkpoint=checkpoint,
        engine=engine,
        precision=precision,
        device=device,
        frames=frames,
        tell=lambda text: print(text, file=sys.stderr),
    )
    if as_json:
        print(json.dumps(result.to_dict(), allow_nan=False))
        return
    print(f"{result.model}: {result.fps:g} FPS ({result.engine} {result.precision} on {result.device})")
    if result.ratio is not None:
        print(
            f"{result.ratio:g} times the reference ({result.reference_fps:g} FPS); pictures: PSNR "
            f"{result.psnr_db:g} dB, error {result.error_over_std:.3f} of the contrast, at most "
            f"{result.max_difference} of 255"
        )
    for note in (result.why, *result.notes):
        if note:
            print(note)
