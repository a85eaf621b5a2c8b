"""Weights of a network that says something everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fomm.animators.face_lite.network import Weights, layers


def random_weights(width: int = 8, *, seed: int = 0) -> Weights:
    """As large as makes corrections of some cells."""
    rng = np.random.default_rng(seed)
    out = {}
    for name, layer in layers(width).items():
        shape = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
        spread = np.sqrt(2 / (layer.inputs * layer.kernel**2))
        out[f"{name}.weight"] = rng.normal(0, spread, shape).astype(np.float32)
        out[f"{name}.bias"] = rng.normal(0, 0.1, layer.outputs).astype(np.float32)
    return out


def write(path: Path, weights: Weights) -> Path:
    """As they ship: in half precision."""
    from safetensors.numpy import save

    path.write_bytes(save({name: value.astype(np.float16) for name, value in weights.items()}))
    return path
