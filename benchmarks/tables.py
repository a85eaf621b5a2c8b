"""The tables of docs/speed.md, made of what the benchmarks wrote into benchmarks/results.

    python benchmarks/tables.py           # writes them
    python benchmarks/tables.py --check   # status 1 where the page says something else

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; everything else on the page is left alone.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
RESULTS = Path(__file__).parent / "results"

_BLOCK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
#: Stages of the published code, and what they are in the rewritten networks and in OpenVINO's graphs.
_STAGES = {
    "detect": ("keypoint detector", "detect"),
    "encode": ("source encoder", None),
    "motion": ("dense motion", "move"),
    "warp": ("warp", None),
    "decode": ("decoder", "paint"),
}


def main() -> int:
    """Write the page, or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    old = options.page.read_text(encoding="utf-8")
    new = filled(old, options.results)
    if options.check:
        if old != new:
            print(f"{options.page} is not what benchmarks/results says; run python benchmarks/tables.py")
        return int(old != new)
    options.page.write_text(new, encoding="utf-8")
    return 0


def filled(page: str, results: Path) -> str:
    """The page with its tables made anew."""
    return _BLOCK.sub(lambda match: f"{match[1]}{TABLES[match[2]](results)}\n{match[3]}", page)


def engines(results: Path) -> str:
    """Every engine beside the reference."""
    found = read(results / "cpu_suite.json")
    if found is None:
        return "No run has been made yet: `make bench`."
    reference = found["reference"]
    rows = [["reference", f"{reference['ms']:.0f}", f"{reference['fps']:.1f}", "1", *[""] * 7]]
    for row in found["engines"]:
        rows.append(
            [
                f"{row['engine']} {row['precision']}",
                f"{row['ms']:.0f}",
                f"{row['fps']:.1f}",
                f"**{row['ratio']:.2f}** ({row['ratio_of_shortest']:.2f})",
                near(row["golden"]),
                near(row["real"]),
                f"{row['decoder_ratio']:.2f}" if "decoder_ratio" in row else "",
                f"{row['floor_ms']:.0f}",
                f"{row['share_of_floor']:.0%}",
                f"{row['first_start_s']:.0f} / {row['start_s']:.1f}",
                f"{row['peak_rss_mb']:.0f}",
            ]
        )
    rows += [[f"{row['engine']} {row['precision']}", *["skipped"] * 2, *[""] * 8] for row in found["skipped"]]
    head = (
        *("engine", "ms", "FPS", "ratio (of the shortest)", "golden inputs", "portraits", "decoder's ratio"),
        "floor, ms",
        *("of the floor", "first / second start, s", "memory, MB"),
    )
    least, most = (pick(row["timed"] for row in (reference, *found["engines"])) for pick in (min, max))
    timed = f"Medians of {least} to {most} frames"
    return f"{machine(found)} {timed}.\n\n{table(head, rows)}"


def stages(results: Path) -> str:
    """What each stage costs, counted, and its share of the time, measured."""
    found = read(results / "cpu_suite.json")
    if found is None:
        return "No run has been made yet: `make bench`."
    before, after = found["costs"]["reference"], found["costs"]["rewritten"]
    took = found["reference"]["stages_ms"]
    fastest = found["engines"][0]
    ours = fastest["stages_ms"]
    rows = []
    for stage, (name, graph) in _STAGES.items():
        rows.append(
            [
                name,
                f"{before[stage]['gflop']:.1f}",
                f"{before[stage]['mb']:.0f}",
                share(took[stage], took),
                f"{after[stage]['gflop']:.1f}" if stage in after else "once a source",
                f"{after[stage]['mb']:.0f}" if stage in after else "",
                share(ours[graph], ours) if graph in ours else "",
            ]
        )
    totals = [
        sum(cost[key] for cost in costs.values()) for costs in (before, after) for key in ("gflop", "mb")
    ]
    rows.append(
        [
            "together",
            f"{totals[0]:.1f}",
            f"{totals[1]:.0f}",
            "",
            f"{totals[2]:.1f}",
            f"{totals[3]:.0f}",
            "",
        ]
    )
    head = (
        *("stage", "published: GFLOP", "MB", "of its time", "rewritten: GFLOP", "MB"),
        f"of {fastest['engine']} {fastest['precision']}'s time",
    )
    return table(head, rows)


def peaks(results: Path) -> str:
    """What the processor reaches."""
    found = read(results / "cpu_suite.json")
    if found is None:
        return "No run has been made yet: `make bench`."
    rates = found["peaks"]
    rows = [[precision, f"{rates[precision]:.0f}"] for precision in ("fp32", "bf16", "int8")]
    return table(("products of 1024x1024 matrices", "10⁹ operations a second"), rows) + (
        f"\n\nCopies of what no cache holds: {rates['copy_gb_s']:.1f} GB/s, read and written."
    )


def batches(results: Path) -> str:
    """Several frames at once."""
    found = read(results / "cpu_suite.json")
    if found is None:
        return "No run has been made yet: `make bench`."
    fastest = found["engines"][0]
    names = {"reference": found["reference"], f"{fastest['engine']} {fastest['precision']}": fastest}
    sizes = list(found["reference"]["batch_ms_per_frame"])
    rows = [
        [name, *(f"{row['batch_ms_per_frame'][size]:.0f}" for size in sizes)] for name, row in names.items()
    ]
    return table(("ms a frame in batches of", *sizes), rows)


def tracking(results: Path) -> str:
    """OpenVINO's face tracking beside MediaPipe's."""
    found = read(results / "tracking.json")
    if found is None:
        return "No run has been made yet: `python benchmarks/tracking.py`."
    rows = [
        [
            clip["clip"],
            "x".join(map(str, clip["size"])),
            f"{clip['apart_px']:.2f}",
            *(f"{clip[name][which]:.1f}" for name in ("openvino", "mediapipe") for which in ("ms", "cpu_ms")),
            f"{clip['openvino']['ms'] / clip['mediapipe']['ms']:.2f}",
        ]
        for clip in found["clips"]
    ]
    head = (
        *("clip", "size", "apart, px", "openvino: ms a frame", "ms of processor time"),
        *("mediapipe: ms a frame", "ms of processor time", "share of its time"),
    )
    where = f"{found['machine']}, OpenVINO on up to {found['threads']} of them; load {found['load']}."
    networks = [
        [
            clip["clip"],
            *(f"{clip['network'][name]['ms']:.1f}" for name in ("used", "float32")),
            f"{clip['network']['apart_px']:.2f}",
            *(f"{clip['network'][name]['tremble_px']:.2f}" for name in ("used", "float32")),
        ]
        for clip in found["clips"]
        if "network" in clip
    ]
    alone = (
        "landmark network alone",
        "ms",
        "in float32",
        "apart, px",
        "tremble with noise, px",
        "in float32",
    )
    return f"{where}\n\n{table(head, rows)}\n\n{table(alone, networks)}"


def live(results: Path) -> str:
    """The whole live loop on the bundled model."""
    found = read(results / "live_fps.json")
    if found is None:
        return "No run has been made yet: `make bench`."
    rows = []
    for size, runs in found["runs"].items():
        fast, paced = runs["throughput"], runs["paced"]
        rows.append(
            [
                size,
                f"{fast['fps']:.0f}",
                f"{paced['latency_ms']['p50']:.0f} / {paced['latency_ms']['p95']:.0f}",
                " / ".join(f"{paced['stage_ms'][stage]['p50']:.1f}" for stage in ("track", "drive")),
                f"{max(run['start_to_first_frame_s'] for run in (fast, paced)):.2f}",
                f"{max(run['peak_rss_mb'] for run in (fast, paced)):.0f}",
            ]
        )
    where = found["machine"]
    head = (
        *("size", "FPS, unpaced", "latency at 30 FPS, ms: p50 / p95", "track / drive, ms"),
        *("start, s", "memory, MB"),
    )
    return f"{where['processor']}, {where['cores']} cores; load {where['load']:.1f}.\n\n{table(head, rows)}"


def gpu(results: Path) -> str:
    """Every GPU that was measured."""
    parts = []
    for path in sorted(results.glob("gpu_suite*.json")):
        found = read(path)
        if found is None or found["machine"]["device"] in {"cpu", "CPU"}:
            continue
        rows = [
            [
                f"{row['engine']} {row['precision']}",
                f"{row['latency_ms']:.3f}",
                f"{row['fps']:.0f}",
                f"**{row['ratio']:.2f}**",
                near(row["recipe"]),
                near(row["real"]),
                f"{row['peak_mib']:.0f}",
            ]
            for row in found.get("engines", [])
            if "skipped" not in row
        ]
        head = ("engine", "ms", "FPS", "ratio", "golden inputs", "portraits", "memory, MiB")
        where = found["machine"]
        parts.append(f"{where['device']}, torch {where['torch']}.\n\n{table(head, rows)}")
    if not parts:
        return (
            "No run on a GPU has been made yet. `python benchmarks/gpu_suite.py` writes what will stand here."
        )
    return "\n\n".join(parts)


TABLES: dict[str, Callable[[Path], str]] = {
    "engines": engines,
    "stages": stages,
    "peaks": peaks,
    "batches": batches,
    "tracking": tracking,
    "live": live,
    "gpu": gpu,
}


def read(path: Path) -> Any:
    """What a benchmark wrote; None where it has not run."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """In Markdown; the first column is words, the others are numbers."""
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def near(found: dict[str, float]) -> str:
    return f"{found['psnr_db']:.1f} dB, {found['error_over_std']:.3f}, {found['max_difference']}"


def share(part: float, whole: dict[str, float]) -> str:
    return f"{part / sum(whole.values()):.0%}"


def machine(found: dict[str, Any]) -> str:
    versions = ", ".join(
        f"{name} {found['versions'][name]}"
        for name in ("torch", "openvino", "onnxruntime")
        if name in found["versions"]
    )
    return f"{found['machine']}; {versions}; load when it ended {found['load']}."


if __name__ == "__main__":
    sys.exit(main())
