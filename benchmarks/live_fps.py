"""How fast and how late the live app is: the real command on the bundled picture and clip.

    python benchmarks/live_fps.py [--sizes 256x256,512x512,1280x720] [--frames 150] [--output FILE.json]

Two runs for each size: unpaced, for what the machine can do, and at 30 FPS, for how late each frame is. Each
is a process of its own, so that start-up and memory are what a user gets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fomm.video import VideoReader, VideoWriter
from live.sources import demo_clip

RESULTS = Path(__file__).parent / "results"
STAGES = ("track", "drive", "compose", "send")

#: What has to be reached on two cores: size → FPS. Latency p95 in ms at 30 FPS, start in s, memory in MB.
FPS_TARGETS = {"512x512": 60.0, "1280x720": 30.0}
OTHER_THAN_TRACKING_MS = {"512x512": 12.0}
LATENCY_TARGET, START_TARGET, MEMORY_TARGET = 25.0, 2.0, 500.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="256x256,512x512,1280x720")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--output", type=Path, default=RESULTS / "live_fps.json")
    options = parser.parse_args()

    sizes = options.sizes.split(",")
    with tempfile.TemporaryDirectory() as folder:
        clip = at_thirty(demo_clip(), Path(folder) / "thirty.mp4")
        runs = {
            size: {
                "throughput": measure(size, clip, options.frames, paced=False),
                "paced": measure(size, clip, options.frames, paced=True),
            }
            for size in sizes
        }
    results = {"machine": machine(), "frames": options.frames, "runs": runs}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    show(results)
    print(f"Written to {options.output}")


def at_thirty(clip: Path, copy: Path) -> Path:
    """The clip's frames at 30 a second, which is what most webcams deliver."""
    with VideoReader(clip) as reader, VideoWriter(copy, size=reader.size, rate=30) as writer:
        for pixels, _ in reader:
            writer.write(pixels)
    return copy


def measure(
    size: str, clip: Path, frames: int, *, paced: bool, model: str = "landmark-warp"
) -> dict[str, Any]:
    """One session's report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [
                *(sys.executable, "-c", "from live.cli import main; main()"),
                *("--camera", clip, "--loop", "--sink", "null", "--size", size, "--frames", str(frames)),
                *("--model", model, "--pace" if paced else "--no-pace", "--report", report),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return dict(json.loads(report.read_text()))


def machine() -> dict[str, Any]:
    """What it was measured on."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cores": cores, "processor": processor(), "python": platform.python_version(), "load": load}


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def show(results: dict[str, Any]) -> None:
    """Two tables: what was reached, and where the time goes."""
    where = results["machine"]
    console = Console(width=130)
    reached = Table(title=f"fomm-live, {where['cores']} cores, {where['processor']}, load {where['load']}")
    for column in (
        *("size", "FPS", "latency p50 / p95 ms at 30 FPS", "dropped", "besides tracking ms"),
        *("start s", "memory MB"),
    ):
        reached.add_column(column, justify="right")
    stages = Table(title="p50 / p95 ms of each stage: alone at 30 FPS, and unpaced, where stages compete")
    for column in ("size", "run", *STAGES):
        stages.add_column(column, justify="right")

    for size, runs in results["runs"].items():
        fast, paced = runs["throughput"], runs["paced"]
        besides = sum(paced["stage_ms"][stage]["p50"] for stage in STAGES if stage != "track")
        latency = paced["latency_ms"]
        start = max(run["start_to_first_frame_s"] for run in (fast, paced))
        memory = max(run["peak_rss_mb"] for run in (fast, paced))
        reached.add_row(
            size,
            verdict(f"{fast['fps']:.1f}", fast["fps"], FPS_TARGETS.get(size), at_least=True),
            f"{latency['p50']:.1f} / "
            + verdict(f"{latency['p95']:.1f}", latency["p95"], LATENCY_TARGET, at_least=False),
            f"{paced['dropped']} of {paced['frames_in']}",
            verdict(f"{besides:.1f}", besides, OTHER_THAN_TRACKING_MS.get(size), at_least=False),
            verdict(f"{start:.2f}", start, START_TARGET, at_least=False),
            verdict(f"{memory:.0f}", memory, MEMORY_TARGET, at_least=False),
        )
        for name, run in (("30 FPS", paced), ("unpaced", fast)):
            times = (run["stage_ms"][stage] for stage in STAGES)
            stages.add_row(size, name, *(f"{time['p50']:.1f} / {time['p95']:.1f}" for time in times))
    console.print(reached)
    console.print(stages)


def verdict(text: str, value: float, target: float | None, *, at_least: bool) -> str:
    """The number, marked where a target is set for it."""
    if target is None:
        return text
    good = value >= target if at_least else value <= target
    return f"{text} ({'ok' if good else 'MISSED'}, {'≥' if at_least else '≤'} {target:g})"


if __name__ == "__main__":
    main()
