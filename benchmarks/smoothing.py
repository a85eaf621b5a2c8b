"""What `--smooth` takes out of a still face, and how late it makes a moving one.

    python benchmarks/smoothing.py [CLIP ...] [--json FILE]

In each clip the stillest stretch and the moving frames are looked for in the landmarks as the tracker finds them.

- *Tremble* is what is uneven in the still stretch: the second difference of a point from frame to frame, scaled so
  that white noise gives its strength (root mean square over time, median over points), in pixels and in thousandths
  of the face's size. Clips in which the face never keeps still have none.
- *Lag* is the delay that explains best where the smoothed points are in the moving frames, in milliseconds: the head
  by the middle of its stiff points, the mouth and the lids by the distances of their edges.
- The *model* is a face that stands and then sways, with white noise as strong as the clips' tremble. Here the truth
  is known, and what is left is measured against it.

Nothing is timed: the numbers do not depend on the machine. Without clips it is the bundled one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fomm import resources
from fomm.faces import FaceLandmarker, face_box
from fomm.landmarks import EYES, LOWER_INNER_LIP, RIGID, UPPER_INNER_LIP
from fomm.video import VideoReader
from live.smoothing import DEFAULT_SMOOTH, LandmarkSmoother

Array = NDArray[np.floating[Any]]

STRENGTHS = (0.25, DEFAULT_SMOOTH, 0.75, 1.0)
#: Seconds of the still stretch, and how far a point may travel in it, in face sizes.
STILL_S, STILL_RANGE = 0.8, 0.015
#: Frames count as moving from this speed on: face sizes a second of the head, a second of the openings.
MOVING_HEAD, MOVING_OPENING = 0.3, 0.15
#: The longest lag that is looked for, and its grain, in seconds.
LONGEST_S, GRAIN_S = 0.1, 0.0005


@dataclass(frozen=True, eq=False)
class Track:
    """A face followed through a clip.

    Attributes:
        faces: `(N, 478, 3)` in pixels.
        times: `(N,)` in seconds.
    """

    faces: Array
    times: Array

    @property
    def size(self) -> float:
        """The face's, in pixels, as `LandmarkSmoother` measures it."""
        boxes = np.array([face_box(face) for face in self.faces])
        return float((boxes[:, 2] - boxes[:, 0] + boxes[:, 3] - boxes[:, 1]).mean() / 2)

    def smoothed(self, strength: float) -> Track:
        """The same through the filter."""
        smoother = LandmarkSmoother(strength)
        pairs = zip(self.faces.astype(np.float32), self.times, strict=True)
        return Track(np.stack([smoother.smooth(face, float(at)) for face, at in pairs]), self.times)


def tremble(faces: Array) -> float:
    """What is uneven in the motion of the points of `(N, 478, D)`, as strong as white noise that gives the same."""
    uneven = faces[2:, :, :2] - 2 * faces[1:-1, :, :2] + faces[:-2, :, :2]
    return float(np.median(np.sqrt(np.square(uneven).sum(axis=-1).mean(axis=0))) / np.sqrt(6))


def stillest(track: Track) -> slice | None:
    """The frames that move least; None where they move all the same."""
    long = max(8, round(STILL_S / float(np.median(np.diff(track.times)))))
    starts = range(10, len(track.faces) - long)  # the filter has come to rest by then
    parts = [slice(start, start + long) for start in starts]
    ranges = [float(np.median(np.ptp(track.faces[part], axis=0))) for part in parts]
    least = int(np.argmin(ranges))
    return parts[least] if ranges[least] <= STILL_RANGE * track.size else None


def lag(signal: Array, smoothed: Array, times: Array, moving: NDArray[np.bool_]) -> float:
    """By how many seconds `smoothed`, `(N, D)`, is behind `signal`, where it is `moving`, `(N,)`."""
    fine = np.arange(0, LONGEST_S, GRAIN_S)
    inside = moving & (times >= times[0] + LONGEST_S)
    off = [
        sum(
            np.square(np.interp(times - delay, times, column) - smooth)[inside].sum()
            for column, smooth in zip(signal.T, smoothed.T, strict=True)
        )
        for delay in fine
    ]
    return float(fine[int(np.argmin(off))])


#: What moves, as `(N, D)`, and from which speed on it does.
PARTS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "head": (lambda faces: faces[:, RIGID, :2].mean(axis=1), MOVING_HEAD),
    "mouth": (
        lambda faces: (faces[:, LOWER_INNER_LIP, :2] - faces[:, UPPER_INNER_LIP, :2]).mean(axis=1)[:, 1:],
        MOVING_OPENING,
    ),
    "lids": (
        lambda faces: np.stack(
            [(faces[:, eye.lower, 1] - faces[:, eye.upper, 1]).mean(axis=1) for eye in EYES], axis=1
        ),
        MOVING_OPENING,
    ),
}


def lags_ms(truth: Track, smoothed: Track, size: float) -> dict[str, float | None]:
    """For each part; None where it moves in fewer than ten frames."""
    found: dict[str, float | None] = {}
    for name, (part, fast) in PARTS.items():
        signal = part(truth.faces)
        speed = np.linalg.norm(np.gradient(signal, truth.times, axis=0), axis=1) / size
        moving = speed > fast
        found[name] = None
        if moving.sum() >= 10:
            found[name] = round(1000 * lag(signal, part(smoothed.faces), truth.times, moving), 1)
    return found


def model(strength: float, *, rate: float = 30.0, seconds: float = 12.0) -> tuple[Track, Track]:
    """A face 300 pixels in size that stands for a third of the time and then sways: the truth, and what is tracked.

    Args:
        strength: of the noise, in face sizes.
        rate: frames a second.
        seconds: how long.
    """
    template = np.load(resources.MODELS / "face_template.npy").astype(np.float64)
    face = 300 * template / Track(template[None], np.zeros(1)).size
    times = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * 0.5 * np.maximum(0.0, times - seconds / 3)
    faces = np.repeat(face[None], len(times), axis=0)
    faces[..., 0] += 300 * (np.sin(phase) / np.pi)[:, None]  # at most a face's size a second
    noise = np.random.default_rng(1).normal(0, 300 * strength / np.sqrt(2), faces.shape)
    return Track(faces, times), Track(faces + noise, times)


def measure_model(strength: float) -> dict[str, Any]:
    """For every strength of the filter: how much of the noise is left at rest, and the lag in motion."""
    truth, tracked = model(strength)
    rest = slice(len(truth.times) // 6, len(truth.times) // 3)  # when the filter has come to rest

    def off(track: Track) -> float:
        return float(np.sqrt(np.square((track.faces - truth.faces)[rest, :, :2]).mean()))

    return {
        f"{by:g}": {
            "tremble_left": round(off(tracked.smoothed(by)) / off(tracked), 3),
            "lag_ms": {"head": lags_ms(truth, tracked.smoothed(by), 300.0)["head"]},
        }
        for by in STRENGTHS
    }


def follow(clip: Path) -> Track:
    """The largest face, as the tracker finds it."""
    faces, times = [], []
    with FaceLandmarker(mode="video", max_faces=1) as landmarker, VideoReader(clip) as reader:
        for pixels, timestamp in reader:
            found = landmarker.detect(pixels, timestamp)
            if found:
                faces.append(found[0])
                times.append(timestamp)
    return Track(np.stack(faces), np.array(times))


def measure_clip(track: Track) -> dict[str, Any]:
    """Everything about one clip."""
    size, still = track.size, stillest(track)
    raw = None if still is None else tremble(track.faces[still])
    rows = {}
    for by in STRENGTHS:
        smooth = track.smoothed(by)
        left = None if still is None or raw is None else round(tremble(smooth.faces[still]) / raw, 3)
        rows[f"{by:g}"] = {"tremble_left": left, "lag_ms": lags_ms(track, smooth, size)}
    return {
        "frames": len(track.faces),
        "still_from_s": None if still is None else round(float(track.times[still.start]), 2),
        "tremble_px": None if raw is None else round(raw, 3),
        "tremble_permille": None if raw is None else round(1000 * raw / size, 3),
        "smooth": rows,
    }


def report(results: dict[str, Any]) -> Table:
    """All of it, a row for each source and strength."""
    table = Table("source", "--smooth", "tremble left", *PARTS, title="Tremble at rest; lag in motion in ms")
    for source, rows in results.items():
        for by, row in rows.items():
            left = "-" if row["tremble_left"] is None else f"{row['tremble_left']:.0%}"
            lags = [row["lag_ms"].get(name) for name in PARTS]
            table.add_row(source, by, left, *("-" if value is None else f"{value:.1f}" for value in lags))
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", type=Path, default=[resources.CLIPS / "talking_head.mp4"])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    clips = {clip.stem: measure_clip(follow(clip)) for clip in chosen.clips}
    trembling = [
        found["tremble_permille"] for found in clips.values() if found["tremble_permille"] is not None
    ]
    if not trembling:
        parser.error("the face keeps still in none of these clips")
    strength = float(np.max(trembling))
    made = {"noise_permille": strength, "smooth": measure_model(strength / 1000)}
    shown = {name: measured["smooth"] for name, measured in clips.items()} | {"model": made["smooth"]}
    Console().print(report(shown))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"clips": clips, "model": made}, indent=2) + "\n")


if __name__ == "__main__":
    main()
