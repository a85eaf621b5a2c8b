"""What could be gained inside the mouth: other fillings than the painted one, most of which know the truth.

    python benchmarks/mouth_gain.py --clips DIR [--every 2] [--json FILE]

The measure is the inner-mouth L1 of `benchmarks/motion_quality.py` (each clip's first frame animated by the clip, in
the same crop), without compression in between. The filling alone is exchanged; lips, softened edge and what the
portrait itself shows between its lips stay. Fillings are made in the mouth's own coordinates, see
`fomm.animators.landmark_warp.mouth`; those learned from frames take the median of the five whose lips and blendshapes
are nearest.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from motion_quality import CROP, Measure, cropped, face_crop, frames_of, mean_of, print_table
from numpy.typing import NDArray
from rich.console import Console

from fomm.animators import DrivingFrame, Frame, Landmarks, Motion, SourceImage
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.animators.landmark_warp.mouth import _KNOTS, LipLines, Mouth
from fomm.faces import FaceLandmarker
from fomm.landmarks import INNER_LIPS, face_width

Array: TypeAlias = NDArray[np.floating[Any]]
#: From the painted mouth `(h, w, 3)` and the pixels' u and v to another one.
Filling: TypeAlias = Callable[[Array, Array, Array], Array]

#: Rows and columns of a mouth in its own coordinates.
ROWS, COLUMNS = 24, 48
#: In face widths: a mouth that is open.
OPEN = 0.02
NEIGHBOURS = 5
LUMA = np.array([0.30, 0.59, 0.11], np.float32)


@dataclass(frozen=True, eq=False)
class Moment:
    """One measured frame of a clip.

    Attributes:
        number: in the clip.
        landmarks: in the clip's pixels, as tracked.
        truth: `(256, 256, 3)` the crop.
        inside: `(256, 256)` bool, between the crop's inner lips.
        mouth: `(ROWS, COLUMNS, 3)` what they show.
        shape: `(N,)` the lips' lines and the blendshapes of mouth and jaw.
        is_open: there is something to see.
    """

    number: int
    landmarks: Landmarks
    truth: Frame
    inside: NDArray[np.bool_]
    mouth: Array
    shape: Array
    is_open: bool


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip, its crop and its moments; `skin` is the first frame's, see `Mouth`."""

    path: Path
    first: DrivingFrame
    crop: Array
    moments: list[Moment]
    skin: Array


def unchanged(painted: Array, _u: Array, _v: Array) -> Array:
    return painted


@dataclass(frozen=True, eq=False)
class Unfilled(Mouth):
    """Notes in `noted` what it is to draw (see `draw`: target and rigid), and leaves it."""

    noted: list[Landmarks] = field(default_factory=list)

    def draw(self, out: Frame, target: Landmarks, rigid: Landmarks, driver: DrivingFrame | None) -> None:  # noqa: ARG002
        """See `Mouth`."""
        self.noted[:] = target, rigid


@dataclass(frozen=True, eq=False)
class Filled(Mouth):
    """A mouth with another filling."""

    filling: Filling = unchanged

    def _painted(self, lips: LipLines, *rest: Any) -> Array:
        target, rigid, u, v, depth, gap = rest
        painted = super()._painted(lips, target, rigid, u, v, depth, gap)
        return np.asarray(self.filling(painted, u, v), np.float32)


def read(path: Path, every: int, measure: Measure) -> Clip:
    """A clip's moments."""
    frames = frames_of(path)
    seen = measure(frames[0])
    assert seen is not None
    crop = face_crop(seen.landmarks)
    moments = []
    with FaceLandmarker(mode="video") as landmarker:
        found = [landmarker.detect(frame) for frame in frames]
    first = DrivingFrame(frames[0], found[0][0])
    for number in range(1, len(frames), every):
        truth = cropped(frames[number], crop)
        seen = measure(truth)
        if not found[number] or seen is None:
            continue
        inside = np.zeros((CROP, CROP), np.uint8)
        cv2.fillPoly(inside, [np.round(seen.landmarks[INNER_LIPS, :2]).astype(np.int32)], 1)
        lips, width = LipLines.of(seen.landmarks), face_width(seen.landmarks)
        moving = [
            value
            for name, value in sorted(seen.blendshapes.items())
            if name.startswith(("jaw", "mouth", "cheek"))
        ]
        shape = np.concatenate(
            [lips.upper / width, lips.lower / width, [lips.gap / width, lips.width / width], moving]
        )
        moments.append(
            Moment(
                number,
                found[number][0],
                truth,
                inside > 0,
                unrolled(truth, lips),
                shape,
                lips.gap > OPEN * width,
            )
        )
    assert first.landmarks is not None
    return Clip(path, first, crop, moments, Mouth.of(frames[0], first.landmarks).skin)


def unrolled(picture: Frame, lips: LipLines) -> Array:
    """`(ROWS, COLUMNS, 3)` of what a picture shows between these lips."""
    u, v = np.meshgrid((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5, (np.arange(ROWS) + 0.5) / ROWS)
    upper, lower = np.interp(u, _KNOTS, lips.upper), np.interp(u, _KNOTS, lips.lower)
    where = lips.place(u, upper + (lower - upper) * v)
    return np.asarray(cv2.remap(picture.astype(np.float32), where, None, cv2.INTER_LINEAR))  # type: ignore[call-overload]


def shown(mouth: Array, u: Array, v: Array) -> Array:
    """The inverse of `unrolled`, at u and v."""
    x, y = (u + 0.5) * COLUMNS - 0.5, v * ROWS - 0.5
    return np.asarray(
        cv2.remap(
            mouth.astype(np.float32),
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def of_colour(colour: Array) -> Filling:
    return lambda painted, _u, _v: np.broadcast_to(colour, painted.shape)


def of_mouth(mouth: Array) -> Filling:
    return lambda _painted, u, v: shown(mouth, u, v)


def brightened(mouth: Array) -> Filling:
    """The painted mouth as bright, in the median, as the true one."""

    def filling(painted: Array, u: Array, v: Array) -> Array:
        counts = (np.abs(u) < 0.46) & (v > 0) & (v < 1)
        if not counts.any():
            return painted
        wanted, found = (np.median((x @ LUMA)[counts]) for x in (shown(mouth, u, v), painted))
        return painted * np.clip(wanted / max(float(found), 1.0), 0, 3)

    return filling


def nearest(to: list[Moment], among: list[Moment]) -> Array:
    """`(N, ROWS, COLUMNS, 3)`: each moment's mouth, made of others'."""
    known = np.array([one.shape for one in among])
    spread = known.std(axis=0) + 1e-3
    mouths = np.array([one.mouth for one in among])
    out = []
    for one in to:
        apart = np.square((known - one.shape) / spread).sum(axis=1)
        out.append(np.median(mouths[np.argsort(apart)[:NEIGHBOURS]], axis=0))
    return np.array(out)


def fitted(mouths: Array, truth: Array, counts: NDArray[np.bool_]) -> Array:
    """Mouths with each channel's gain and offset as they suit the truth best."""
    out = np.empty_like(mouths)
    for channel in range(3):
        x, y = mouths[counts][..., channel].ravel(), truth[counts][..., channel].ravel()
        gain, offset = np.polyfit(x, y, 1)
        out[..., channel] = mouths[..., channel] * gain + offset
    return np.clip(out, 0, 255)


def fillings(clip: Clip, others: list[Clip]) -> dict[str, list[Filling]]:
    """Of each moment of a clip, by name."""
    moments = clip.moments
    is_open = np.array([one.is_open for one in moments])
    out = {
        "painted": [unchanged] * len(moments),
        "painted, as bright as the truth, each frame": [brightened(one.mouth) for one in moments],
        "best colour of the clip": [of_colour(median(moments))] * len(moments),
        "best colour of each frame": [
            of_colour(median([one])) if one.inside.any() else unchanged for one in moments
        ],
        "the truth's pixels": [of_mouth(one.mouth) for one in moments],
    }
    parity = np.arange(len(moments)) % 2
    late = np.arange(len(moments)) * 2 >= len(moments)
    for words, group in (("every other frame", parity), ("the clip's other half", late)):
        mean, near = [unchanged] * len(moments), [unchanged] * len(moments)
        for side in (0, 1):
            among = [
                one
                for one, where, seen in zip(moments, group, is_open, strict=True)
                if where != side and seen
            ]
            mine = [index for index, where in enumerate(group) if where == side]
            if len(among) < NEIGHBOURS:
                continue
            average = np.median([one.mouth for one in among], axis=0)
            for index, mouth in zip(mine, nearest([moments[k] for k in mine], among), strict=True):
                mean[index], near[index] = of_mouth(average), of_mouth(mouth)
        out[f"median mouth of {words}"] = mean
        out[f"most alike of {words}"] = near
    among = [one for other in others for one in other.moments if one.is_open]
    if is_open.any() and len(among) >= NEIGHBOURS:
        light = [clip.skin / other.skin for other in others for one in other.moments if one.is_open]
        lit = [replace(one, mouth=one.mouth * gain) for one, gain in zip(among, light, strict=True)]
        mouths = np.clip(nearest(moments, lit), 0, 255)
        suited = fitted(mouths, np.array([one.mouth for one in moments]), is_open)
    else:
        mouths = suited = None
    for words, found in (("", mouths), (", colours fitted to the clip", suited)):
        out[f"most alike of other people{words}"] = (
            [unchanged] * len(moments) if found is None else [of_mouth(mouth) for mouth in found]
        )
    return out


def median(moments: list[Moment]) -> Array:
    return np.asarray(np.median(np.concatenate([one.truth[one.inside] for one in moments]), axis=0))


def gains(clip: Clip, others: list[Clip]) -> dict[str, float]:
    """Inner-mouth L1 by filling."""
    warp = LandmarkWarp(mouth="painted")
    state = warp.prepare(SourceImage(clip.first.pixels, landmarks=clip.first.landmarks))
    known = vars(state.mouth)
    bare = Unfilled(**known)
    unfilled = replace(state, mouth=bare)
    frames = frames_of(clip.path)
    sums: dict[str, float] = {}
    ways = fillings(clip, others)
    pixels = 0.0

    def add(name: str, picture: Frame, moment: Moment) -> None:
        off = np.abs(cropped(picture, clip.crop).astype(np.float32) - moment.truth).mean(axis=-1)
        sums[name] = sums.get(name, 0.0) + float(off[moment.inside].sum()) / 255

    for index, moment in enumerate(clip.moments):
        driving = DrivingFrame(frames[moment.number], moment.landmarks)
        warped = warp.drive(unfilled, Motion(driving, clip.first))
        add("nothing drawn", warped, moment)
        out = warped.copy()
        target, rigid = bare.noted
        state.mouth.draw(out, target, rigid, driving)
        add("the driver's own (--mouth driver)", out, moment)
        for name, way in ways.items():
            out = warped.copy()
            Filled(**known, filling=way[index]).draw(out, target, rigid, None)
            add(name, out, moment)
        pixels += float(moment.inside.sum())
    return {name: total / max(pixels, 1.0) for name, total in sums.items()}


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder of driving clips, one face each")
    parser.add_argument("--every", type=int, default=2, help="measure every n-th frame")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    measure = Measure()
    clips = [read(path, options.every, measure) for path in sorted(options.clips.glob("*.mp4"))]
    measure.close()
    columns = {clip.path.stem: gains(clip, [other for other in clips if other is not clip]) for clip in clips}
    columns["mean"] = mean_of(list(columns.values()))
    rows = {
        name: {column: values[name] for column, values in columns.items()}
        | {"ratio": columns["mean"][name] / columns["mean"]["painted"]}
        for name in columns["mean"]
    }
    print_table(Console(width=160), "Inner mouth, L1", rows)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
