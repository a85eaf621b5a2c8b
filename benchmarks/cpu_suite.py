"""Every engine that runs on this processor beside the reference, and the half of a frame after the detector.

Writes one JSON file; docs/speed.md explains the numbers. Weights are the recipe's (see fomm/recipe.py), unless the
model's are pulled. Takes three to five minutes on two quiet cores, longer on the first run, which quantizes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from fomm import benchmarking, config, engines, recipe
from fomm.engines import cache
from fomm.engines.base import to_pictures
from fomm.errors import FommError
from fomm.keypoints import Transfer
from fomm.reference import Reference

ROWS = [("torch", "fp32"), ("onnx", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8")]


def decoder(model: str, engine: str, precision: str, frames: int) -> dict[str, float]:
    """Milliseconds of what follows the detector (dense motion, warp, generator), the two taking turns."""
    networks = recipe.networks_of(config.load(model))
    source, neutral, driving = (recipe.frame(phase, networks.picture_size[0]) for phase in (0.0, 0.7, 1.3))
    made = engines.create(engine, networks, device="cpu", precision=precision)
    reference = Reference(networks, source, neutral)
    encoded = made.encode(to_pictures(source[None]))
    transfer = Transfer.relative(encoded.keypoints, made.detect(to_pictures(neutral[None])))
    target = transfer(made.detect(to_pictures(driving[None])))
    features = reference.encode()
    times: dict[str, list[float]] = {"engine": [], "reference": []}
    for index in range(frames + 2):
        for name, taken in times.items():
            started = time.perf_counter()
            if name == "engine":
                made.decode(encoded, target)
            else:
                reference.decode(reference.warp(features, *reference.dense_motion(target)))
            if index >= 2:
                taken.append(1e3 * (time.perf_counter() - started))
    return {name: round(statistics.median(values), 2) for name, values in times.items()}


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="vox-256")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "cpu_suite.json")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for engine, precision in ROWS:
        try:
            result = benchmarking.bench(
                arguments.model, engine=engine, precision=precision, device="cpu", frames=arguments.frames
            )
            row = result.to_dict()
            row["decoder_ms"] = decoder(arguments.model, engine, precision, arguments.frames // 2)
        except FommError as error:
            row = {"engine": engine, "precision": precision, "skipped": str(error)}
            print(f"{engine} {precision}: {error}", flush=True)
        else:
            print(
                f"{engine:9} {precision:5} {row['ms']:8.1f} ms {row['ratio']:6.2f}x  PSNR {row['psnr_db']:.1f} dB  "
                f"error {row['error_over_std']:.4f}  decoder {row['decoder_ms']['engine']:.0f} ms "
                f"(reference {row['decoder_ms']['reference']:.0f})",
                flush=True,
            )
        rows.append(row)
    rows.append(benchmarking.bench("landmark-warp", frames=60).to_dict())
    print(f"landmark-warp {rows[-1]['ms']:.1f} ms")
    report = {"machine": cache.processor(), "numpy": np.__version__, "rows": rows}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    unfinished = arguments.json.with_name(f".{arguments.json.name}")
    unfinished.write_text(json.dumps(report, indent=2) + "\n")
    unfinished.replace(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
