"""Everything about speed on an NVIDIA GPU, in one command of less than eight minutes.

    python benchmarks/gpu_suite.py                        # on the first GPU; the table at the end is the summary
    python benchmarks/gpu_suite.py --device cpu --quick   # the same code in seconds, on a small model, without a GPU

Needs `fomm`, torch 2.11 or newer, NumPy and OpenCV; Triton, which comes with torch, is used where it is there.
Weights are the recipe's (fomm/recipe.py). Times are wall-clock from uint8 in to uint8 out unless they are called
device times; medians of `repeats` after warm-up. *Latency* is one call after the other; *throughput* has several
batches on their way. Every ratio is to the reference (fomm/reference.py) of the same batch in the same run with
PyTorch's own TF32 setting, which rounds convolutions to TF32; the reference without TF32 stands beside it, and
pictures are compared with that one.

Sections run one after the other in a child process and write what they have at once: one that fails, hangs or takes
the GPU down costs itself alone. The file (benchmarks/results/gpu_suite.<device>.json) is one object:

    schema 1; complete; date; seconds; budget_s; repeats; model; weights; size
    machine       device, capability, driver, memory_gib, torch, cuda, cudnn, triton, python, numpy, opencv, fomm,
                  system
    sections      name → {seconds, error}; error is null where all went well
    reference     [{tf32, batch, latency_ms, latency_p95_ms, latency_min_ms, fps, peak_mib}]
    engines       [{engine, precision, settings, start_s, latency_ms, latency_p95_ms, latency_min_ms, fps, ratio,
                  ratio_no_tf32, recipe: {psnr_db, max_difference, error_over_std}, real: {the same}, peak_mib,
                  notices} or {engine, precision, skipped}]; batch 1
    batches       [{precision, batch, latency_ms, latency_fps, throughput_fps, lanes, peak_mib, ratio}]
    plans         [{what, latency_ms, device_ms, ratio} or {what, skipped}]; batch 1
    rates         {gemm_tflops: {fp16, bf16, tf32, fp32}, copy_memory_gbs, copy_cache_gbs, upload_gbs, download_gbs,
                  launch_us}
    counts        {settings, kernels, gflop, weights_mb, activations_mb, stages: [{stage, kernels, gflop, weights_mb,
                  activations_mb, floor_us}], floor_ms, device_ms, fraction_of_floor}; needs rates and plans
    stages        [{stage, device_us}], each repeated within one graph, so that its weights may stay in the cache
    reference_stages  [{stage, device_us}]
    kernels       {a_frame, device_us, top: [{name, calls, us}]}, a frame's, as torch.profiler sees them
    compiled      [{what, ...}] as in plans

A key is absent where its section did not run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch

# Where fomm is not installed, it is beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gpu_sections import SECTIONS, Suite, machine, words

from fomm.engines.cuda import availability
from fomm.errors import FommError

RESULTS = Path(__file__).resolve().parent / "results"

#: Seconds that a section may take before its process is ended.
_LONGEST = 200
#: How a child says that the GPU is lost for it.
_LOST, _HUNG = 3, 4


def write(path: Path, report: dict[str, Any]) -> None:
    """All or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def child(arguments: argparse.Namespace) -> int:
    """Run some sections, writing after each."""
    path: Path = arguments.json
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    suite = Suite(arguments, report)
    suite.save = lambda: write(path, report)
    report.update(machine=machine(suite.place), repeats=suite.repeats, size=list(suite.size))
    for name in arguments.sections.split(","):
        started = time.time()
        if suite.until - started < 5:
            report["sections"][name] = {"seconds": 0.0, "error": "no time was left; see --budget"}
            write(path, report)
            continue
        report["sections"][name] = {"seconds": 0.0, "error": "its process ended"}
        write(path, report)
        limit = threading.Timer(min(_LONGEST, suite.until - started + 20), os._exit, [_HUNG])
        limit.daemon = True
        limit.start()
        error: Exception | None = None
        try:
            SECTIONS[name](suite)
        except Exception as raised:
            error = raised
        limit.cancel()
        seconds = round(time.time() - started, 1)
        report["sections"][name] = {"seconds": seconds, "error": None if error is None else words(error)}
        try:
            write(path, report)
        except ValueError:  # a number that is none; what the section made is not worth keeping
            report.pop(name, None)
            report["sections"][name]["error"] = "it measured something that is no number"
            write(path, report)
        print(f"  {name}: {seconds} s" + ("" if error is None else f", failed: {words(error)}"), flush=True)
        if error is not None and "CUDA error" in str(error):
            return _LOST
    return 0


def parent(arguments: argparse.Namespace) -> int:
    """Have all sections run, in as many processes as it takes."""
    started = time.time()
    place = torch.device("cpu") if arguments.device == "cpu" else availability.find_gpu(arguments.device)
    device = "CPU" if place.type == "cpu" else torch.cuda.get_device_name(place)
    name = re.sub(r"[^A-Za-z0-9]+", "-", device).strip("-").lower()
    path: Path = arguments.json or RESULTS / f"gpu_suite.{name}{'.quick' if arguments.quick else ''}.json"
    wanted = arguments.sections.split(",") if arguments.sections else list(SECTIONS)
    report: dict[str, Any] = {
        "schema": 1,
        "complete": False,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "budget_s": arguments.budget,
        "model": "vox-256" + (", few channels and small pictures" if arguments.quick else ""),
        "weights": "recipe",
        "sections": {},
    }
    write(path, report)
    print(f"{device}: {', '.join(wanted)}", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "FOMM_ENGINE_CACHE": os.environ.get("FOMM_ENGINE_CACHE", cache)}
        while True:
            done = json.loads(path.read_text(encoding="utf-8"))["sections"]
            todo = [section for section in wanted if section not in done]
            left = started + arguments.budget - time.time()
            if not todo or left < 5:
                break
            command = [sys.executable, __file__, "--child", "--device", arguments.device, "--json", str(path)]
            command += ["--sections", ",".join(todo), "--until", str(started + arguments.budget)]
            ended = subprocess.run(command + ["--quick"] * arguments.quick, env=environment, check=False)
            after = json.loads(path.read_text(encoding="utf-8"))["sections"]
            if ended.returncode and after == done:
                print(f"nothing runs here: the process ended with status {ended.returncode}", file=sys.stderr)
                return 1
    report = json.loads(path.read_text(encoding="utf-8"))
    report["seconds"] = round(time.time() - started, 1)
    report["complete"] = all(report["sections"].get(name, {"error": ""})["error"] is None for name in wanted)
    write(path, report)
    print_table(report)
    print(
        f"{path}: {report['seconds']} s" + ("" if report["complete"] else "; not complete, see its sections")
    )
    return 0


def print_table(report: dict[str, Any]) -> None:
    """What a person wants to know first."""
    for row in report.get("reference", []):
        setting = "on " if row["tf32"] else "off"
        said = f"{row['latency_ms']:9.3f} ms {row['fps']:9.1f} FPS"
        print(f"reference, batch {row['batch']:2}, TF32 {setting} {said}")
    for row in report.get("engines", []):
        print(f"{row['engine']:5} {row['precision']:5} {_engine(row)}")
        for notice in row.get("notices", []):
            print(f"    {notice}")
    for row in report.get("batches", []):
        if "skipped" not in row:
            said = f"latency {row['latency_ms']:9.3f} ms, throughput {row['throughput_fps']:9.1f} FPS"
            print(f"batch {row['batch']:2}: {said}, {row['peak_mib']} MiB")
    for row in [*report.get("plans", []), *report.get("compiled", [])]:
        said = f"skipped: {row['skipped'][:100]}" if "skipped" in row else f"{row['latency_ms']:9.3f} ms"
        print(f"{row['what']:45} {said}; on the device {row.get('device_ms')} ms")
    for row in report.get("stages", []):
        print(f"    {row['stage']:20} {row['device_us']:9.1f} us")
    counted = report.get("counts")
    if counted:
        print(
            f"floor {counted['floor_ms']} ms ({counted['gflop']} GFLOP, {counted['kernels']} kernels), "
            f"of which the device reaches {counted['fraction_of_floor']}"
        )
    for name, section in report["sections"].items():
        if section["error"] is not None:
            print(f"section {name}: {section['error']}")


def _engine(row: dict[str, Any]) -> str:
    if "skipped" in row:
        return f"skipped: {row['skipped']}"
    real = row["real"]
    return (
        f"{row['latency_ms']:9.3f} ms {row['fps']:9.1f} FPS {row['ratio'] or 0:7.2f}x  PSNR {real['psnr_db']:.1f} dB "
        f"(recipe {row['recipe']['psnr_db']:.1f}), error {real['error_over_std']:.4f}, start {row['start_s']} s"
    )


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--device", default="cuda", help="cuda, cuda:1, ...; cpu runs the same code without a GPU"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small model and few repeats: whether all of it runs"
    )
    parser.add_argument(
        "--budget", type=float, default=420, metavar="SECONDS", help="nothing is begun after these"
    )
    parser.add_argument("--sections", help=f"only these, with commas: {','.join(SECTIONS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = set((arguments.sections or "").split(",")) - {"", *SECTIONS}
    if unknown:
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    try:
        return child(arguments) if arguments.child else parent(arguments)
    except FommError as error:
        print(f"gpu_suite: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
