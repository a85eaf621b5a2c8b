"""How far the bundled model's motion is from the truth: what a learned correction of it can gain.

    fomm synthesize DIR --seed 1000 --shards 1
    python benchmarks/synthetic_motion.py DIR [--pairs 80] [--json FILE]

Synthetic people know where every point went. Each source frame is animated to its driving frame, the source being
its own neutral pose. Distances are between where the sampling grid reads and where the point really was, in pixels of
the frames, where the source shows the point: over the face (the hull of its landmarks), around mouth and eyes, and
over the rest of the person; against leaving everything where it is. Hidden is the share of the region's pixels that
the source does not show and that must be invented.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from fomm.animators import DrivingFrame, Motion, SourceImage
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.landmarks import EYES, LIPS
from fomm.synthetic.pairs import Pair, read_shard


def pairs_in(folder: Path) -> Iterator[Pair]:
    for path in sorted(folder.glob("shard-*.npz")):
        yield from read_shard(path)


def regions(pair: Pair) -> dict[str, Any]:
    """Masks `(S, S)` bool of the driving frame."""
    points, shape = pair.driving_landmarks[:, :2], pair.visible.shape

    def hull(indices: Any, grown: float = 0) -> Any:
        mask = np.zeros(shape, np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[indices]).astype(np.int32)), 1)
        size = 2 * round(grown * np.ptp(points[:468, 0])) + 1
        return cv2.dilate(mask, np.ones((size, size), np.uint8)) > 0

    person = pair.driving_person > 127
    face = hull(np.arange(468)) & person
    eyes = hull(EYES[0].outline, 0.04) | hull(EYES[1].outline, 0.04)
    return {
        "face": face,
        "mouth": hull(LIPS, 0.04) & face,
        "eyes": eyes & face,
        "rest of the person": person & ~face,
    }


def distances(pair: Pair) -> dict[str, dict[str, float]]:
    """By region: sums over its pixels."""
    animator = LandmarkWarp(mouth="painted")
    state = animator.prepare(SourceImage(pair.source, landmarks=pair.source_landmarks))
    driving = DrivingFrame(pair.driving, pair.driving_landmarks)
    neutral = DrivingFrame(pair.source, pair.source_landmarks)
    grid = animator.motion_grid(state, animator.avatar_motion(state, Motion(driving, neutral)))
    size = len(pair.source)
    truth = (pair.motion + 1) / 2 * (size - 1)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    warp = np.linalg.norm(grid - truth, axis=-1)
    still = np.linalg.norm(np.stack([x, y], axis=-1) - truth, axis=-1)
    out = {}
    for name, mask in regions(pair).items():
        shown = mask & pair.visible
        out[name] = {
            "pixels": int(mask.sum()),
            "shown": int(shown.sum()),
            "warp": float(warp[shown].sum()),
            "still": float(still[shown].sum()),
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="shards that `fomm synthesize` wrote")
    parser.add_argument("--pairs", type=int, default=80)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    totals: dict[str, dict[str, float]] = {}
    count = 0
    for pair in islice(pairs_in(options.folder), options.pairs):
        count += 1
        for name, sums in distances(pair).items():
            into = totals.setdefault(name, dict.fromkeys(sums, 0.0))
            for key, value in sums.items():
                into[key] += value
    results = {
        name: {
            "warp_px": sums["warp"] / sums["shown"],
            "still_px": sums["still"] / sums["shown"],
            "hidden": 1 - sums["shown"] / sums["pixels"],
        }
        for name, sums in totals.items()
    }
    table = Table(title=f"{count} pairs: distance from the true motion, pixels")
    for column in ("", "landmark-warp", "still", "hidden"):
        table.add_column(column, justify="right")
    for name, row in results.items():
        table.add_row(name, f"{row['warp_px']:.2f}", f"{row['still_px']:.2f}", f"{row['hidden']:.1%}")
    Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps({"pairs": count, "regions": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
