"""One frame of the First Order Motion Model, with the source encoded once against encoded again every frame.

    python benchmarks/fomm_step.py [--model vox-256] [--frames 20] [--json out/fomm_step.json]

The variants take turns within one run, so that a busy machine slows them alike; medians after warm-up.
Without `--checkpoint` the weights are random: they change the picture, not the time. Ends with status 1
where the cached frame is not the uncached one to the bit (in float32).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from fomm import config
from fomm.keypoints import relative_motion
from fomm.model import load_networks
from fomm.networks.first_order import FirstOrderModel


def variants(networks: FirstOrderModel, size: tuple[int, int]) -> dict[str, Callable[[], Tensor]]:
    """What is timed, by name; each call makes one frame from a driving picture."""
    generator = torch.Generator().manual_seed(0)
    source, neutral_picture, driving = (
        torch.rand(1, 3, *size, generator=generator).to(networks.device, networks.dtype) for _ in range(3)
    )
    keypoints, neutral = networks.detect(source), networks.detect(neutral_picture)
    encoded = networks.encode(source)

    def cached() -> Tensor:
        target = relative_motion(keypoints, networks.detect(driving), neutral)
        return networks.decode(encoded, keypoints, target)

    def source_encoded() -> Tensor:
        target = relative_motion(keypoints, networks.detect(driving), neutral)
        return networks.decode(networks.encode(source), keypoints, target)

    def source_encoded_and_detected() -> Tensor:
        found = networks.detect(source)
        target = relative_motion(found, networks.detect(driving), neutral)
        return networks.decode(networks.encode(source), found, target)

    return {
        "cached source": cached,
        "source encoded every frame": source_encoded,
        "source encoded and detected every frame": source_encoded_and_detected,
    }


def measure(
    steps: dict[str, Callable[[], Tensor]], *, frames: int, warm_up: int, device: torch.device
) -> dict[str, list[float]]:
    """Milliseconds of every step in every round, the steps taking turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(warm_up + frames):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if index >= warm_up:
                times[name].append(1e3 * (time.perf_counter() - started))
    return times


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="vox-256", help="a published model or a YAML config")
    parser.add_argument("--checkpoint", type=Path, help="its weights; random ones where not given")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    loaded = config.load(arguments.model)
    if arguments.checkpoint is None:
        torch.manual_seed(0)
        networks = FirstOrderModel(loaded).eval().requires_grad_(False).to(arguments.device)
    else:
        networks = load_networks(loaded, arguments.checkpoint).to(arguments.device)
    height, width, _ = loaded.dataset_params.frame_shape
    with torch.inference_mode():
        steps = variants(networks, (height, width))
        pictures = [step() for step in steps.values()]
        identical = all(torch.equal(pictures[0], other) for other in pictures[1:])
        times = measure(steps, frames=arguments.frames, warm_up=arguments.warm_up, device=networks.device)

    medians = {name: statistics.median(values) for name, values in times.items()}
    baseline = medians["cached source"]
    print(f"{loaded.name}, {width}x{height}, {networks.device}, {arguments.threads} threads")
    print(f"{'step':40} {'median ms':>10} {'min ms':>8} {'cached is faster by':>20}")
    for name, median in medians.items():
        print(f"{name:40} {median:10.1f} {min(times[name]):8.1f} {median / baseline:19.2f}x")
    print(f"cached and uncached frames are {'identical' if identical else 'DIFFERENT'} to the bit")
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        report = {
            "model": loaded.name,
            "device": str(networks.device),
            "threads": arguments.threads,
            "torch": torch.__version__,
            "machine": platform.processor() or platform.machine(),
            "frames": arguments.frames,
            "median_ms": medians,
            "speed_up": {name: median / baseline for name, median in medians.items()},
            "identical": identical,
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if identical else 1


if __name__ == "__main__":
    sys.exit(main())
