"""How the golden arrays in this folder were made: weights and inputs from a formula, so none need storing.

`fill_state_dict(module, prefix)` overwrites a module's state dict in place; the prefix is "generator",
"kp_detector" or "discriminator", and the names below it are those of the published checkpoints.
`image(phase)` gives the three 256x256 inputs: source phase 0.0, driving0 (the neutral frame) 0.7,
driving1 1.3.
"""

import zlib

import numpy as np
import torch


def fill_state_dict(module: torch.nn.Module, prefix: str) -> torch.nn.Module:
    state = module.state_dict()
    for name, tensor in state.items():
        parts = name.split(".")
        leaf, parent = parts[-1], parts[-2] if len(parts) > 1 else ""
        if leaf == "num_batches_tracked" or name.endswith("down.weight"):
            continue  # counters and the fixed anti-alias kernel keep their own values
        rng = np.random.RandomState(zlib.crc32(f"{prefix}.{name}".encode()) & 0xFFFFFFFF)
        count = int(np.prod(tensor.shape)) if tensor.dim() else 1
        noise = rng.standard_normal(count).reshape(tuple(tensor.shape))
        if leaf == "running_var":
            value = 0.5 + np.abs(noise)
        elif leaf == "running_mean":
            value = 0.1 * noise
        elif parent.startswith("norm") and leaf == "weight":
            value = 1.0 + 0.1 * noise
        elif leaf == "bias":
            value = 0.05 * noise
        elif leaf in ("weight", "weight_orig") and tensor.dim() == 4:
            value = noise * np.sqrt(2.0 / np.prod(tensor.shape[1:]))
        elif leaf in ("weight_u", "weight_v"):
            value = noise / np.linalg.norm(noise)
        else:
            value = 0.1 * noise
        if parent == "jacobian" and leaf == "weight":
            value = 0.05 * value
        if parent == "jacobian" and leaf == "bias":
            value = np.tile([1.0, 0.0, 0.0, 1.0], tensor.shape[0] // 4) + 0.1 * noise
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)).to(tensor.dtype))
    module.load_state_dict(state)
    return module


def image(phase: float, size: int = 256) -> np.ndarray:
    """One (1, 3, size, size) float32 image in [0, 1]."""
    y, x = np.mgrid[0:size, 0:size] / size
    channels = [
        0.5
        + 0.5
        * np.sin(2 * np.pi * ((c + 1.5) * x + (2.5 - c) * y) + phase + c)
        * np.cos(2 * np.pi * (3 * x * y) + 0.5 * phase * (c + 1))
        for c in range(3)
    ]
    return np.stack(channels)[None].astype(np.float32)
