"""Face tracking by OpenVINO beside MediaPipe's own, on the same frames: how long it takes, how far apart they are.

    python benchmarks/tracking.py [CLIP ...] [--frames 90] [--threads N ...] [--json FILE.json]

Without clips, on the bundled one. Both take turns, so many frames each that neither finds the other's data in the
processor's caches, in video mode and as a live session has them. `ms` is how long a frame waits, on up to `threads`
processors; `cpu_ms` is what it takes of them all together, which other programs change less. `detector` is the share
of frames in which OpenVINO's looks for further faces.

`apart_px` is the distance to MediaPipe that follows one face, its default, without its steadying over time: for that,
a day goes by between its frames.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fomm import benchmarking, resources
from fomm.animators.base import Landmarks
from fomm.engines import cache
from fomm.faces import FaceLandmarker, openvino_backend
from fomm.faces.detector import FaceDetector
from fomm.video import VideoReader

BACKENDS = ("openvino", "mediapipe")
WARM_UP = 5
#: Frames of one turn.
TURN = 15
DAY = 86400.0


def main() -> int:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path, default=[resources.CLIPS / "talking_head.mp4"])
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=openvino_backend.THREADS,
        help="what OpenVINO may choose from",
    )
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "tracking.json")
    options = parser.parse_args()
    openvino_backend.THREADS = tuple(options.threads)
    # Clips that are measured now replace themselves; others stay.
    before = json.loads(options.json.read_text())["clips"] if options.json.exists() else []
    found = {one["clip"]: one for one in before}
    found |= {clip.stem: measure(clip, options.frames) for clip in options.clips}
    report = {
        "machine": cache.processor(),
        "threads": max(options.threads),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": benchmarking.versions("openvino", "mediapipe", "opencv-contrib-python"),
        "clips": list(found.values()),
    }
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def measure(clip: Path, frames: int) -> dict[str, Any]:
    """One clip."""
    times: dict[str, list[float]] = {name: [] for name in BACKENDS}
    cpu: dict[str, list[float]] = {name: [] for name in BACKENDS}
    apart: list[float] = []
    landmarkers = {name: FaceLandmarker(mode="video", backend=name) for name in BACKENDS}
    reference = FaceLandmarker(mode="video", max_faces=1, backend="mediapipe")
    with (
        VideoReader(clip) as reader,
        patch.object(FaceDetector, "detect", autospec=True, side_effect=FaceDetector.detect) as detect,
    ):
        size = reader.size
        frames_of_clip = enumerate(itertools.islice(reader, frames + WARM_UP))
        while turn := list(itertools.islice(frames_of_clip, TURN)):
            found: dict[str, list[list[Landmarks]]] = {}
            for name, landmarker in landmarkers.items():
                found[name] = []
                for index, (pixels, _) in turn:
                    started, before = time.perf_counter(), time.process_time()
                    found[name].append(landmarker.detect(pixels, index / 30))
                    times[name].append(1e3 * (time.perf_counter() - started))
                    cpu[name].append(1e3 * (time.process_time() - before))
            for (index, (pixels, _)), ours in zip(turn, found["openvino"], strict=True):
                theirs = reference.detect(pixels, index * DAY)
                if ours and theirs:
                    apart.append(float(np.linalg.norm((ours[0] - theirs[0])[:, :2], axis=1).mean()))
    for landmarker in (*landmarkers.values(), reference):
        landmarker.close()
    result = {
        "clip": clip.stem,
        "size": list(size),
        "frames": len(times["openvino"]) - WARM_UP,
        "apart_px": round(statistics.mean(apart), 3),
        "detector": round(detect.call_count / len(times["openvino"]), 3),
        **{
            name: {
                "ms": round(statistics.median(times[name][WARM_UP:]), 2),
                "ms_min": round(min(times[name][WARM_UP:]), 2),
                "cpu_ms": round(statistics.median(cpu[name][WARM_UP:]), 2),
            }
            for name in BACKENDS
        },
    }
    print(result, flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
