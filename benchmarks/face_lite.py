"""`face-lite` against `landmark-warp`: self-reenactment, cross-driving, identity and speed, in one run.

    python benchmarks/face_lite.py --clips DIR --avatars DIR [--pairs DIR] [--every 2] [--json FILE] [--blind DIR]

Both models paint the mouth; the driver's own would be the answer. Self-reenactment and cross-driving are those of
`benchmarks/motion_quality.py`. --pairs is a folder of `fomm synthesize` that was not trained on. Identity is how far
the mean colours of the person's hair (above the face) go from the source's, in 255ths, which only light changes in
truth. --blind writes pairs of pictures side by side, which is which in a file beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from live_fps import measure
from motion_quality import (
    Measure,
    cross_driving,
    frames_of,
    l1,
    mean_of,
    print_table,
    self_reenactment,
    square,
)
from PIL import Image
from rich.console import Console

from fomm import benchmarking, resources
from fomm.animators import DrivingFrame, Motion, SourceImage, create
from fomm.animators.face_lite.animator import WEIGHTS
from fomm.animators.face_lite.execution import PRECISIONS, Execution, read_weights
from fomm.animators.face_lite.execution import create as create_network
from fomm.animators.face_lite.network import CLUE_CELLS, CLUES
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.engines import cache
from fomm.errors import EngineError
from fomm.faces import FaceLandmarker
from fomm.images import load_image
from fomm.landmarks import FOREHEAD, INNER_LIPS
from fomm.synthetic.pairs import read_shard, shards_in
from live.sources import demo_clip

MODELS = ("landmark-warp", "face-lite")
#: Frames of a clip that are drawn for speed and identity.
FRAMES = 60
WARM_UP = 10
#: Blind pairs are made of frames in which the two differ by at least this share of the largest difference.
CLEARLY = 0.5


def synthetic(folder: Path, limit: int) -> dict[str, dict[str, float]]:
    """Sources animated to their driving frames, people who were not trained on."""
    sums: dict[str, list[tuple[float, ...]]] = {model: [] for model in MODELS}
    pairs = islice((pair for path in shards_in(folder) for pair in read_shard(path)), limit)
    animators = {model: create(model, mouth="painted") for model in MODELS}
    for pair in pairs:
        source = SourceImage(pair.source, landmarks=pair.source_landmarks)
        motion = Motion(
            DrivingFrame(pair.driving, pair.driving_landmarks),
            DrivingFrame(pair.source, pair.source_landmarks),
        )
        mouth = np.zeros(pair.visible.shape, np.uint8)
        cv2.fillPoly(mouth, [np.round(pair.driving_landmarks[INNER_LIPS, :2]).astype(np.int32)], 1)
        shown = mouth > 0
        for model, animator in animators.items():
            result = animator.drive(animator.prepare(source), motion)
            inner = l1(result[shown], pair.driving[shown]) * shown.sum() if shown.any() else 0.0
            sums[model].append((l1(result, pair.driving), inner, float(shown.sum())))
    out = {}
    for model, rows in sums.items():
        total = np.sum(rows, axis=0)
        out[model] = {
            "l1": total[0] / len(rows),
            "inner_mouth_l1": total[1] / max(total[2], 1),
            "pairs": len(rows),
        }
    return out


class Drawing:
    """Both models on one avatar and one clip, frame by frame."""

    def __init__(self, avatar: Path, clip: Path, frames: int) -> None:
        self.picture = load_image(avatar, max_side=512)
        with FaceLandmarker(mode="video") as landmarker:
            found = [(frame, landmarker.detect(frame)) for frame in frames_of(clip)[:: max(1, 300 // frames)]]
        driving = [DrivingFrame(frame, faces[0]) for frame, faces in found if faces]
        self.motions = [Motion(frame, driving[0]) for frame in driving]
        self.animators = {model: create(model, mouth="painted") for model in MODELS}
        self.states = {model: animator.prepare(self.picture) for model, animator in self.animators.items()}

    def draw(self, model: str, motion: Motion) -> Any:
        return self.animators[model].drive(self.states[model], motion)


def identity(drawing: Drawing) -> dict[str, dict[str, float]]:
    """How far the colour of hair drifts."""
    warp = drawing.animators["landmark-warp"]
    assert isinstance(warp, LandmarkWarp)

    def hair(picture: Any, landmarks: Any) -> Any:
        low, high = landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)
        width = high[0] - low[0]
        x, y = landmarks[FOREHEAD, :2]
        top, bottom = int(max(0, y - 0.2 * width)), int(max(1, y - 0.05 * width))
        left, right = int(max(0, x - 0.2 * width)), int(x + 0.2 * width)
        return picture[top:bottom, left:right].reshape(-1, 3).mean(axis=0)

    out = {}
    for model in MODELS:
        state = drawing.states[model]
        rest = hair(state.portrait, state.landmarks)
        drift = [
            np.abs(
                hair(drawing.draw(model, motion), warp.avatar_motion(state, motion).landmarks) - rest
            ).mean()
            for motion in drawing.motions
        ]
        whole = [
            np.abs(drawing.draw(model, motion).mean(axis=(0, 1)) - state.portrait.mean(axis=(0, 1))).mean()
            for motion in drawing.motions
        ]
        out[model] = {"hair_drift": float(np.mean(drift)), "mean_colour_drift": float(np.mean(whole))}
    return out


def networks_here() -> dict[str, Execution]:
    """The network, executed in all the ways that this machine can."""
    weights, out = read_weights(WEIGHTS), {}
    for engine, precisions in PRECISIONS.items():
        for precision in precisions:
            with contextlib.suppress(EngineError):
                made = create_network(weights, engine=engine, device="cpu", precision=precision)
                out[f"network {engine} {precision}"] = made
    return out


def speed(drawing: Drawing) -> dict[str, dict[str, float]]:
    """Milliseconds a frame at 512 pixels, the models taking turns, and the network alone in each precision of each
    engine that runs here; frames a second of the whole live loop.
    """
    times: dict[str, list[float]] = {model: [] for model in MODELS}
    networks = networks_here()
    clues = np.zeros((CLUES, CLUE_CELLS, CLUE_CELLS), np.float32)
    for motion in drawing.motions:
        for model in MODELS:
            started = time.perf_counter()
            drawing.draw(model, motion)
            times[model].append(time.perf_counter() - started)
        for name, network in networks.items():
            started = time.perf_counter()
            network(clues)
            times.setdefault(name, []).append(time.perf_counter() - started)
    out = {
        name: {"ms": 1e3 * statistics.median(found[WARM_UP:]), "ms_min": 1e3 * min(found[WARM_UP:])}
        for name, found in times.items()
    }
    for model in MODELS:
        out[model]["live_fps"] = measure("512x512", demo_clip(), 150, paced=False, model=model)["fps"]
    return out


def blind(drawings: dict[str, Drawing], folder: Path, count: int) -> None:
    """Pairs of the two models' pictures in random order, and the key."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    key = {}
    each = -(-count // len(drawings))
    for name, drawing in drawings.items():
        shown = [[drawing.draw(model, motion) for model in MODELS] for motion in drawing.motions]
        apart = np.array([l1(*pair) for pair in shown])
        clear = np.flatnonzero(apart >= CLEARLY * apart.max())
        for frame in rng.choice(clear, min(each, len(clear)), replace=False):
            number = len(key)
            order = rng.permutation(2)
            picture = np.hstack([square(shown[frame][k], 384) for k in order])
            Image.fromarray(picture).save(folder / f"pair-{number:02d}.png")
            key[f"pair-{number:02d}"] = {"of": name, "left": MODELS[order[0]], "right": MODELS[order[1]]}
    (folder / "key.json").write_text(json.dumps(key, indent=1) + "\n")


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder of driving clips, one face each")
    parser.add_argument(
        "--avatars", type=Path, nargs="+", default=[resources.AVATARS], help="folders of portraits"
    )
    parser.add_argument("--pairs", type=Path, default=None, help="folder of synthetic pairs, not trained on")
    parser.add_argument("--every", type=int, default=2, help="measure every n-th frame")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--blind", type=Path, default=None, help="folder for pairs to judge blindly")
    options = parser.parse_args()
    console, faces = Console(width=160), Measure()
    clips = sorted(options.clips.glob("*.mp4"))
    avatars = [
        path
        for folder in options.avatars
        for path in sorted(folder.iterdir())
        if path.suffix in {".jpg", ".png"}
    ]
    results: dict[str, Any] = {
        "machine": cache.processor(),
        "versions": benchmarking.versions("torch", "openvino", "opencv-contrib-python"),
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for model in MODELS:
            rows = {
                clip.stem: self_reenactment(clip, "painted", folder, options.every, faces, model)
                for clip in clips
            }
            results[f"self_reenactment {model}"] = {**rows, "mean": mean_of(list(rows.values()))}
            print_table(console, f"Self-reenactment, {model}", results[f"self_reenactment {model}"])
        for model in MODELS:
            rows = {
                f"{avatar.stem} by {clip.stem}": cross_driving(
                    avatar, clip, "painted", folder, 2 * options.every, faces, model
                )[0]
                for avatar in avatars
                for clip in clips
            }
            results[f"cross_driving {model}"] = {"mean": mean_of(list(rows.values())), **rows}
            print_table(
                console, f"Cross-driving, {model}", {"mean": results[f"cross_driving {model}"]["mean"]}
            )
    faces.close()
    if options.pairs is not None:
        results["synthetic"] = synthetic(options.pairs, 60)
        print_table(console, "Synthetic people who were not trained on", results["synthetic"])
    drawings = {
        f"{avatar.stem} by {clip.stem}": Drawing(avatar, clip, FRAMES)
        for avatar, clip in zip(avatars, clips * len(avatars), strict=False)
    }
    drifts = [identity(drawing) for drawing in drawings.values()]
    results["identity"] = {model: mean_of([one[model] for one in drifts]) for model in MODELS}
    print_table(console, "Identity", results["identity"])
    results["speed"] = speed(next(iter(drawings.values())))
    print_table(console, "Speed at 512x512", results["speed"])
    if options.blind is not None:
        blind(drawings, options.blind, 24)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
