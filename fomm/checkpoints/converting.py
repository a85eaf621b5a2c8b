"""Writing the inference part of a checkpoint as safetensors: a quarter of the size, and nothing to
unpickle."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from fomm.checkpoints.reading import FORMAT, Weights, read
from fomm.errors import CheckpointError

Precision = Literal["fp32", "fp16"]


def convert(
    source: Path | str,
    destination: Path | str,
    *,
    precision: Precision = "fp32",
    model: str = "",
    overwrite: bool = False,
) -> Path:
    """Write generator and keypoint detector of a checkpoint as one safetensors file.

    Args:
        source: what `read` reads.
        destination: a .safetensors file.
        precision: "fp16" halves the convolutions; everything else stays in float32, where it is small and
            matters.
        model: its name, recorded in the file.
        overwrite: whether an existing file may be replaced.

    Raises:
        CheckpointError: the source is no checkpoint, holds numbers that fp16 cannot, or the destination
            exists or cannot be written.
    """
    from safetensors.torch import save_file

    destination = Path(destination)
    if destination.exists() and not overwrite:
        raise CheckpointError(f"{destination} exists; choose another name, or give --overwrite")
    weights = read(source)
    tensors = {
        f"{part}.{name}": _as_precision(weights, name, tensor, precision)
        for part, state in (("generator", weights.generator), ("kp_detector", weights.kp_detector))
        for name, tensor in state.items()
    }
    metadata = {"format": FORMAT, "model": model, "precision": precision}
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=destination.parent, prefix=".converting-")
        os.close(handle)
        try:
            save_file(tensors, temporary, metadata=metadata)
            Path(temporary).replace(destination)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{destination} cannot be written: {error.strerror or error}") from error
    return destination


def _as_precision(weights: Weights, name: str, tensor: Tensor, precision: Precision) -> Tensor:
    if precision == "fp16" and tensor.ndim == 4:
        half = tensor.to(torch.float16)
        if not torch.isfinite(half).all():
            raise CheckpointError(
                f"{weights.path}: {name} holds numbers that fp16 cannot; convert it as fp32"
            )
        tensor = half
    # Cloned: tensors that share memory, as views into one file do, cannot be saved.
    return tensor.clone().contiguous()
