"""Face tracking by OpenVINO beside MediaPipe's own, on the same frames: how long it takes, how far apart they are.

    python benchmarks/tracking.py [CLIP ...] [--frames 90] [--threads N ...] [--json FILE.json]

Without clips, on the bundled one. Both take turns, so many frames each that neither finds the other's data in the
processor's caches, in video mode and as a live session has them. `ms` is how long a frame waits, on up to `threads`
processors; `cpu_ms` is what it takes of them all together, which other programs change less. `detector` is the share
of frames in which OpenVINO's looks for further faces.

`network` is the landmark network alone, on the faces of every fifth frame, as it is used and in float32 throughout:
`apart_px` between the two, and how far points tremble on a still picture with noise of 3 in 255.

The other `apart_px` is the distance to MediaPipe that follows one face, its default, without its steadying over time:
for that, a day goes by between its frames.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fomm import benchmarking, resources
from fomm.animators.base import Frame, Landmarks
from fomm.engines import cache
from fomm.faces import FaceLandmarker, openvino_backend
from fomm.faces.detector import FaceDetector
from fomm.faces.regions import Region
from fomm.tflite import CompiledNetwork, Runner
from fomm.video import VideoReader

BACKENDS = ("openvino", "mediapipe")
WARM_UP = 5
#: Frames of one turn.
TURN = 15
DAY = 86400.0
#: The landmark network is looked at alone on the faces of every so many frames, and with noise of this deviation.
FACE_EVERY = 5
NOISE = 3.0


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
    result: dict[str, Any] = {
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
    result["network"] = measure_network(clip, frames)
    print(result, flush=True)
    return result


def measure_network(clip: Path, frames: int) -> dict[str, Any]:
    """The landmark network on one clip, as it is used beside float32."""
    networks = openvino_backend.networks()
    with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
        content = bundle.read("face_landmarks_detector.tflite")
    exact = CompiledNetwork(content, openvino_backend.MESH_SIDE, threads=max(openvino_backend.THREADS))
    runners = {"used": networks.meshes[-1].runner(), "float32": exact.runner()}
    with (
        VideoReader(clip) as reader,
        FaceLandmarker(mode="video", max_faces=1, backend="openvino") as landmarker,
    ):
        faces = [
            Region.around_face(found[0]).cut(pixels, openvino_backend.MESH_SIDE)
            for index, (pixels, _) in enumerate(itertools.islice(reader, frames))
            if (found := landmarker.detect(pixels, index / 30)) and index % FACE_EVERY == 0
        ]
    times: dict[str, list[float]] = {name: [] for name in runners}
    for face in faces * WARM_UP:
        for name, runner in runners.items():
            points_of(runner, face)
            started = time.perf_counter()
            runner.run()
            times[name].append(1e3 * (time.perf_counter() - started))
    points = {name: np.array([points_of(runner, face) for face in faces]) for name, runner in runners.items()}
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(faces[0] + rng.normal(0, NOISE, faces[0].shape), 0, 255).astype(np.uint8) for _ in range(30)
    ]
    trembling = {
        name: np.array([points_of(runner, face) for face in noisy]) for name, runner in runners.items()
    }
    return {
        "apart_px": round(float(np.linalg.norm(points["used"] - points["float32"], axis=-1).mean()), 3),
        **{
            name: {
                "ms": round(statistics.median(times[name]), 2),
                "tremble_px": round(float(np.linalg.norm(found - found.mean(axis=0), axis=-1).mean()), 3),
            }
            for name, found in trembling.items()
        },
    }


def points_of(runner: Runner, face: Frame) -> Any:
    """`(478, 2)` in pixels of the face's 256x256."""
    runner.input[:] = face
    return runner.run()[0].reshape(478, 3)[:, :2].copy()


if __name__ == "__main__":
    sys.exit(main())
