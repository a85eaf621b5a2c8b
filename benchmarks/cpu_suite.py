"""Every engine that runs on this processor beside the reference, and where the time goes.

    python benchmarks/cpu_suite.py [--model vox-256] [--frames 200] [--json benchmarks/results/cpu_suite.json]

Reference and engines take turns within one run, so that a busy machine slows them alike. Weights are the recipe's
(see fomm/recipe.py). Writes one JSON file, of which `benchmarks/tables.py` makes the tables in docs/speed.md. Engines
start with an empty cache, and once more with what they kept. Timing ends after four minutes whatever was reached, and
the file says how many frames that was: six or seven minutes in all on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fomm import benchmarking, config, engines, recipe
from fomm.counting import Cost, count
from fomm.engines import cache
from fomm.engines.base import Engine, to_pictures
from fomm.engines.examples import examples
from fomm.engines.fidelity import Fidelity
from fomm.engines.graphs import Graph, in_rows
from fomm.engines.openvino import OpenVinoEngine
from fomm.engines.openvino.converting import convert
from fomm.engines.quantization import quantized
from fomm.errors import FommError
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.inference import InferenceModel
from fomm.openvino_import import openvino_core
from fomm.reference import Reference, tf32

ROWS = [("openvino", "int8"), ("openvino", "bf16"), ("openvino", "fp32"), ("onnx", "fp32"), ("torch", "fp32")]
#: Those that take longer are timed in every so many-th turn only, as is the reference.
SELDOM, EVERY = {("onnx", "fp32"), ("torch", "fp32"), ("openvino", "fp32")}, 5
#: Frames that are timed in one turn.
IN_A_ROW = 4
#: How long timing takes at most: of whole frames, of their stages, of batches.
FRAMES_S, STAGES_S, BATCHES_S = 150, 45, 45
#: Rounds of stages and of batches, where there is time for them.
STAGE_ROUNDS, BATCH_ROUNDS = 40, 3
BATCHES = (1, 4, 16)
#: What OpenVINO calls what products of large matrices are computed in.
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
SIDE = 1024

Steps = dict[str, Callable[[], object]]


def main() -> int:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="vox-256")
    parser.add_argument("--frames", type=int, default=200, help="that each engine is timed for")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "cpu_suite.json")
    parser.add_argument("--start", nargs=2, metavar=("ENGINE", "PRECISION"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    networks = recipe.networks_of(config.load(options.model))
    if options.start:
        print(json.dumps(start(networks, *options.start)))
        return 0
    with tempfile.TemporaryDirectory() as cache_folder:
        os.environ["FOMM_ENGINE_CACHE"] = cache_folder
        report = measure(networks, options.model, options.frames)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    unfinished = options.json.with_name(f".{options.json.name}")
    unfinished.write_text(json.dumps(report, indent=1) + "\n")
    unfinished.replace(options.json)
    print(f"Written to {options.json}; now: python benchmarks/tables.py")
    return 0


def measure(networks: FirstOrderModel, model: str, frames: int) -> dict[str, Any]:
    """Everything, as it is written."""
    size = networks.picture_size
    source, neutral, driving = (recipe.frame(phase, size[0]) for phase in (0.0, 0.7, 1.3))
    reference = Reference(networks, source, neutral)
    made: dict[tuple[str, str], Engine] = {}
    first_starts: dict[tuple[str, str], float] = {}
    skipped = []
    for engine, precision in ROWS:
        say(f"preparing {engine} {precision}")
        started = time.perf_counter()
        try:
            made[engine, precision] = engines.create(engine, networks, device="cpu", precision=precision)
            made[engine, precision].warm_up(size)
            first_starts[engine, precision] = round(time.perf_counter() - started, 1)
        except FommError as error:
            skipped.append({"engine": engine, "precision": precision, "why": str(error)})
            say(f"skipped: {error}")

    say("comparing pictures")
    nearness = compare(networks, made)
    steps: Steps = {"reference": lambda: reference(driving[None])}
    for (engine, precision), one in made.items():
        steps[f"{engine} {precision}"] = step_of(one, source, neutral, driving[None])
    say(f"timing {frames} frames, or as many as fit into {FRAMES_S} s")
    seldom = {"reference", *(f"{engine} {precision}" for engine, precision in SELDOM)}
    times = take_turns(steps, frames, seldom, FRAMES_S)
    say("timing stages")
    parts = stages(reference, made, source, neutral, driving)
    stage_times = take_turns(parts, min(frames, STAGE_ROUNDS), set(), STAGES_S)
    say("timing batches")
    batches = in_batches(reference, made, source, neutral, driving)
    rates, costs = peaks(), costs_of(networks, source, neutral, driving)
    rows = []
    for engine, precision in made:
        name = f"{engine} {precision}"
        say(f"starting {name}")
        taken = stage_times.get(name, {})
        row = {
            "engine": engine,
            "precision": precision,
            **timed(times[name]),
            "ratio": ratio(times["reference"], times[name]),
            "ratio_of_shortest": round(min(times["reference"]) / min(times[name]), 2),
            **nearness[name],
            "stages_ms": taken,
            "batch_ms_per_frame": batches.get(name, {}),
            "floor_ms": floor(networks, costs, rates, precision if engine == "openvino" else "fp32"),
            "first_start_s": first_starts[engine, precision],
            **second_start(model, engine, precision),
        }
        row["share_of_floor"] = round(row["floor_ms"] / row["ms"], 3)
        if "paint" in taken:
            row["decoder_ratio"] = round(stage_times["reference"]["decode"] / taken["paint"], 2)
        rows.append(row)
        faster = f"{row['ratio']:6.2f}x (of the shortest {row['ratio_of_shortest']:.2f}x)"
        say(f"{name:14} {row['ms']:8.1f} ms {faster}, {row['golden']}, real {row['real']}")
    warp = benchmarking.bench("landmark-warp", frames=60).to_dict()
    return {
        "model": model,
        "weights": "recipe",
        "machine": cache.processor(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": benchmarking.versions("torch", "openvino", "onnxruntime", "numpy"),
        "frames": frames,
        "peaks": rates,
        "costs": costs,
        "reference": {
            **timed(times["reference"]),
            "stages_ms": stage_times["reference"],
            "batch_ms_per_frame": batches["reference"],
            "tf32": tf32(),
        },
        "engines": rows,
        "skipped": skipped,
        "landmark_warp": {"ms": warp["ms"], "fps": warp["fps"], "size": warp["notes"][0].split(",")[0]},
    }


def step_of(engine: Engine, source: Any, neutral: Any, frames: Any) -> Callable[[], object]:
    """Frames in, pictures out."""
    encoded = engine.encode(to_pictures(source[None]))
    transfer = Transfer.relative(encoded.keypoints, engine.detect(to_pictures(neutral[None])))
    return lambda: engine.step(encoded, frames, transfer)


def compare(networks: FirstOrderModel, made: dict[tuple[str, str], Engine]) -> dict[str, Any]:
    """How near each engine's pictures are to the reference's: on the golden inputs, and at their worst on portraits
    driven by the bundled clip."""
    size = networks.picture_size
    real = [(one.source, one.neutral, one.driving) for one in examples(size, 3)]
    tried = [tuple(recipe.frame(phase, size[0]) for phase in (0.0, 0.7, 1.3)), *real]
    found: dict[str, list[Fidelity]] = {f"{engine} {precision}": [] for engine, precision in made}
    for source, neutral, driving in tried:
        wanted = Reference(networks, source, neutral)(driving[None])
        for (engine, precision), one in made.items():
            picture: Any = step_of(one, source, neutral, driving[None])()
            found[f"{engine} {precision}"].append(Fidelity.of(picture, wanted))
    return {name: {"golden": said(each[:1]), "real": said(each[1:])} for name, each in found.items()}


def said(each: list[Fidelity]) -> dict[str, float]:
    worst = each[0]
    for other in each[1:]:
        worst = worst.worse(other)
    return {
        "psnr_db": round(min(worst.psnr_db, 100.0), 2),
        "error_over_std": round(worst.error_over_std, 5),
        "max_difference": worst.max_difference,
    }


def take_turns(
    steps: Any, frames: int, seldom: set[str], seconds: float, *, in_a_row: int = IN_A_ROW
) -> dict[str, Any]:
    """Milliseconds of as many frames as there is time for; of stages in groups, the median of each.

    Whatever else the machine does strikes all of them. So many frames in a row are timed, as a session has them, and
    the one before is not: it finds the caches full of the others' data.
    """
    flat = {
        (name, stage): run
        for name, group in steps.items()
        for stage, run in (group if isinstance(group, dict) else {"": group}).items()
    }
    times: dict[tuple[str, str], list[float]] = {key: [] for key in flat}
    end = time.perf_counter() + seconds
    for turn in range(math.ceil(frames / in_a_row)):
        if turn and time.perf_counter() > end:
            break
        for key, run in flat.items():
            if turn % EVERY and key[0] in seldom:
                continue
            run()
            for _ in range(in_a_row):
                started = time.perf_counter()
                run()
                times[key].append(1e3 * (time.perf_counter() - started))
    result: dict[str, Any] = {}
    for (name, stage), values in times.items():
        if stage:
            result.setdefault(name, {})[stage] = round(statistics.median(values), 2)
        else:
            result[name] = values
    return result


def timed(values: list[float]) -> dict[str, float]:
    """Latency of a frame; one at a time, so that throughput is its inverse."""
    median = statistics.median(values)
    return {
        "ms": round(median, 2),
        "ms_min": round(min(values), 2),
        "ms_p95": round(float(np.percentile(values, 95)), 2),
        "fps": round(1e3 / median, 2),
        "timed": len(values),
    }


def ratio(reference: list[float], engine: list[float]) -> float:
    return round(statistics.median(reference) / statistics.median(engine), 2)


def stages(
    reference: Reference, made: dict[tuple[str, str], Engine], source: Any, neutral: Any, driving: Any
) -> dict[str, Steps]:
    """The parts of a frame, of the reference and of what OpenVINO runs."""
    found: dict[str, Steps] = {"reference": reference_stages(reference, driving)}
    for (engine, precision), one in made.items():
        if isinstance(one, OpenVinoEngine):
            step_of(one, source, neutral, driving[None])()
            found[f"{engine} {precision}"] = one.stages(driving.shape[:2])
    return found


def reference_stages(reference: Reference, driving: Any) -> Steps:
    """ "decode" is what follows the warp: residual blocks, upsampling, the last convolution."""
    picture = reference.upload(driving[None])
    target = reference.relative(reference.detect(picture))
    with torch.no_grad():
        features, motion = reference.encode(), reference.dense_motion(target)
        warped = reference.warp(features, *motion)
    made: Steps = {
        "detect": lambda: reference.detect(picture),
        "encode": reference.encode,
        "motion": lambda: reference.dense_motion(target),
        "warp": lambda: reference.warp(features, *motion),
        "decode": lambda: reference.decode(warped),
    }
    return {name: torch.no_grad()(run) for name, run in made.items()}


def rewritten_stages(model: InferenceModel, source: Any, neutral: Any, driving: Any) -> Steps:
    picture = to_pictures(driving[None])
    rest = model.detect(to_pictures(source[None]))
    target = Transfer.relative(rest, model.detect(to_pictures(neutral[None])))(model.detect(picture))
    known = model.encode(to_pictures(source[None]), rest)
    motion = model.motion(*known[1:], rest, target)
    warped = model.generator.warp(known.features, *motion)
    return {
        "detect": lambda: model.detect(picture),
        "motion": lambda: model.motion(*known[1:], rest, target),
        "warp": lambda: model.generator.warp(known.features, *motion),
        "decode": lambda: model.generator.paint(warped),
    }


def costs_of(networks: FirstOrderModel, source: Any, neutral: Any, driving: Any) -> dict[str, Any]:
    """Operations and bytes of each stage, as published and rewritten, and where precisions have others."""
    published = reference_stages(Reference(networks, source, neutral), driving)
    model = InferenceModel(networks, shifted=False)
    rewritten = rewritten_stages(model, source, neutral, driving)

    def table(steps: Steps) -> dict[str, dict[str, float]]:
        return {name: in_words(count(run)) for name, run in steps.items()}

    def in_words(cost: Cost) -> dict[str, float]:
        return {"gflop": round(cost.operations / 1e9, 3), "mb": round(cost.moved / 1e6, 1)}

    costs = {"reference": table(published), "rewritten": table(rewritten)}
    blocks = model.generator.bottleneck
    for precision in ("bf16", "int8"):
        model.generator.bottleneck = in_rows(blocks, precision)
        costs[precision] = table({"decode": rewritten["decode"]})
    return costs


def in_batches(
    reference: Reference,
    made: dict[tuple[str, str], Engine],
    source: Any,
    neutral: Any,
    driving: Any,
) -> dict[str, dict[str, float]]:
    """Milliseconds a frame, of frames that come several at once: reference, and the first engine."""
    found: dict[str, dict[str, float]] = {}
    for batch in BATCHES:
        frames = np.ascontiguousarray(np.broadcast_to(driving, (batch, *driving.shape)))
        steps: Steps = {"reference": lambda frames=frames: reference(frames)}
        for engine, precision in list(made)[:1]:
            steps[f"{engine} {precision}"] = step_of(made[engine, precision], source, neutral, frames)
        # Time for each batch as for its frames.
        for name, times in take_turns(
            steps, BATCH_ROUNDS, set(), BATCHES_S * batch / sum(BATCHES), in_a_row=1
        ).items():
            found.setdefault(name, {})[str(batch)] = round(statistics.median(times) / batch, 2)
    return found


def peaks() -> dict[str, float]:
    """What the processor reaches: products of large matrices in each precision, in billions of multiplications and
    additions a second, and copies of what no cache holds, in GB/s."""

    class Product(nn.Module):
        """A product of two square matrices, written as a convolution, which OpenVINO knows in 8 bits."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(SIDE, SIDE, 1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.conv(x)
            return made

    torch.manual_seed(0)
    x = torch.rand(1, SIDE, 32, SIDE // 32)
    core = openvino_core()
    found = {}
    with torch.no_grad():
        for precision, hint in HINTS.items():
            module: nn.Module = Product().requires_grad_(False)
            if precision == "int8":
                module = quantized(module, lambda network: network(x))
            compiled = core.compile_model(
                convert(Graph(module, {"x": x}, ("y",))),
                "CPU",
                {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"},
            )
            request = compiled.create_infer_request()
            request.infer([x.numpy()])
            found[precision] = round(2 * SIDE**3 / best(request.infer) / 1e9, 1)
    block = np.ones(1 << 27, np.uint8)
    other = np.empty_like(block)
    # Read and written.
    found["copy_gb_s"] = round(2 * block.nbytes / best(lambda: np.copyto(other, block)) / 1e9, 2)
    return found


def best(run: Callable[[], object], times: int = 10) -> float:
    """Seconds: the shortest, since whatever else runs meanwhile only makes it longer."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return min(taken)


def floor(networks: FirstOrderModel, costs: Any, rates: dict[str, float], precision: str) -> float:
    """Milliseconds that a frame cannot do without: its operations at the rate of large products, each part in its own
    precision, and its weights read once."""
    counted = {
        name: cost["gflop"] for name, cost in {**costs["rewritten"], **costs.get(precision, {})}.items()
    }
    at = {
        "detect": "bf16" if precision == "int8" else "fp32",
        "motion": precision,
        "warp": "fp32",
        "decode": precision,
    }
    computing = sum(gflop / rates[at[name]] for name, gflop in counted.items())
    size = {"fp32": 4, "bf16": 2, "int8": 1}
    generator = networks.generator
    parts = {
        "detect": networks.kp_detector,
        "motion": generator.dense_motion_network,
        "decode": nn.ModuleList([generator.bottleneck, generator.up_blocks, generator.final]),
    }
    weights = sum(
        size[at[name]] * sum(parameter.numel() for parameter in part.parameters())
        for name, part in parts.items()
    )
    return round(1e3 * (computing + weights / 1e9 / rates["copy_gb_s"]), 1)


def start(networks: FirstOrderModel, engine: str, precision: str) -> dict[str, float | None]:
    """How long an engine takes from its cache to its first frame, and the most memory this process held."""
    from live.report import peak_rss_mb

    size = networks.picture_size
    started = time.perf_counter()
    engines.create(engine, networks, device="cpu", precision=precision).warm_up(size)
    return {"start_s": round(time.perf_counter() - started, 2), "peak_rss_mb": peak_rss_mb()}


def second_start(model: str, engine: str, precision: str) -> dict[str, float | None]:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--model", model, "--start", engine, precision],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
