"""How well the bundled model moves a portrait, measured on the pictures that `fomm animate` writes.

    python benchmarks/motion_quality.py --clips DIR --avatars DIR [--every 2] [--json FILE] [--sheets DIR]

Self-reenactment: each clip's first frame is animated by the clip itself and compared with the clip, in a 256x256
crop of 1.9 times the first frame's landmark box, against showing the still first frame. The painted mouth counts;
the driver's own mouth would be the answer, so its numbers stand apart.

Cross-driving: each avatar is driven by each clip, and MediaPipe's blendshapes and head pose are measured again on
the result. A correlation is printed where the driver moves at all. The sampling grid's Jacobian determinant is
taken over the person, outside the openings of eyes and mouth, which are layers of their own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from fomm import resources
from fomm.animators import DrivingFrame, Motion, create
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.faces import FaceLandmarker
from fomm.images import load_image
from fomm.landmarks import EYES, INNER_LIPS, RIGID, euler_angles, similarity
from fomm.video import VideoReader

CROP = 256
LIPS = [0, 17, 61, 291, 37, 267, 84, 314]
#: A driver "moves" a blendshape whose range over the clip reaches this.
MOVES = 0.3
#: A gaze is read off open eyes: frames where either of the driver's blinks reaches this are left out for it.
SHUT = 0.3

BLENDSHAPES: dict[str, Callable[[dict[str, float]], float]] = {
    "jawOpen": lambda b: b["jawOpen"],
    "eyeBlinkLeft": lambda b: b["eyeBlinkLeft"],
    "eyeBlinkRight": lambda b: b["eyeBlinkRight"],
    "mouthSmile": lambda b: (b["mouthSmileLeft"] + b["mouthSmileRight"]) / 2,
    "gaze": lambda b: (
        (b["eyeLookInLeft"] + b["eyeLookOutRight"] - b["eyeLookOutLeft"] - b["eyeLookInRight"]) / 2
    ),
}


@dataclass(frozen=True)
class Measured:
    """What MediaPipe says of one picture."""

    landmarks: Any
    blendshapes: dict[str, float]


class Measure:
    """MediaPipe's landmarks and blendshapes of single pictures."""

    def __init__(self) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        self._landmarker = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=resources.FACE_MODEL.read_bytes()),
                output_face_blendshapes=True,
            )
        )

    def __call__(self, pixels: Any) -> Measured | None:
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        result = self._landmarker.detect(image)
        if not result.face_landmarks:
            return None
        height, width = pixels.shape[:2]
        points = np.array([(p.x, p.y, p.z) for p in result.face_landmarks[0]], np.float32)
        scores = {c.category_name: c.score for c in result.face_blendshapes[0]}
        return Measured(points * np.array([width, height, width], np.float32), scores)

    def close(self) -> None:
        self._landmarker.close()


def frames_of(path: Path) -> list[Any]:
    with VideoReader(path) as reader:
        return [pixels for pixels, _ in reader]


def animated(source: Path, clip: Path, folder: Path, mouth: str, model: str) -> list[Any]:
    """The frames of `fomm animate SOURCE CLIP`."""
    out = folder / f"{source.stem}-{clip.stem}-{mouth}-{model}.mp4"
    command = [str(Path(sys.executable).with_name("fomm")), "animate", str(source), str(clip), "-o", str(out)]
    options = ["--mouth", mouth, "--model", model, "--overwrite"]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return frames_of(out)


def face_crop(landmarks: Any) -> Any:
    """`(2, 3)` affine map from a frame to the square around a face, `CROP` pixels wide."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    scale = CROP / (1.9 * float((high - low).max()))
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = CROP / 2 - scale * (low + high) / 2
    return matrix


def cropped(pixels: Any, crop: Any) -> Any:
    """What `face_crop` maps to that square."""
    return cv2.warpAffine(pixels, crop, (CROP, CROP), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def self_reenactment(
    clip: Path, mouth: str, folder: Path, every: int, measure: Measure, model: str = "landmark-warp"
) -> dict[str, float]:
    truth = frames_of(clip)
    source = folder / f"{clip.stem}.png"
    Image.fromarray(truth[0]).save(source)
    result = animated(source, clip, folder, mouth, model)
    assert len(result) == len(truth), f"{clip.name}: {len(truth)} frames in, {len(result)} out"
    first = measure(truth[0])
    assert first is not None
    matrix = face_crop(first.landmarks)
    still = cropped(truth[0], matrix)
    rows = []
    inner = inner_shown = 0.0
    for result_frame, truth_frame in zip(result[1::every], truth[1::every], strict=True):
        ours, theirs = cropped(result_frame, matrix), cropped(truth_frame, matrix)
        a, b = measure(ours), measure(theirs)
        if a is None or b is None:
            continue
        left, top = np.clip(b.landmarks[LIPS, :2].min(axis=0) - 6, 0, CROP).astype(int)
        right, bottom = np.clip(b.landmarks[LIPS, :2].max(axis=0) + 6, 0, CROP).astype(int)
        box = np.s_[top:bottom, left:right]
        mouth_mask = np.zeros((CROP, CROP), np.uint8)
        cv2.fillPoly(mouth_mask, [np.round(b.landmarks[INNER_LIPS, :2]).astype(np.int32)], 1)
        shown = mouth_mask > 0
        inner += l1(ours[shown], theirs[shown]) * shown.sum() if shown.any() else 0.0
        inner_shown += float(shown.sum())
        rows.append(
            (
                l1(ours, theirs),
                l1(still, theirs),
                l1(ours[box], theirs[box]),
                l1(still[box], theirs[box]),
                float(np.linalg.norm((a.landmarks - b.landmarks)[:, :2], axis=1).mean()),
            )
        )
    names = ("l1", "l1_still", "mouth_l1", "mouth_l1_still", "landmark_error_px")
    out = dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))
    out["inner_mouth_l1"] = inner / max(inner_shown, 1.0)
    out["l1_ratio"] = out["l1"] / out["l1_still"]
    out["mouth_ratio"] = out["mouth_l1"] / out["mouth_l1_still"]
    return out


def l1(a: Any, b: Any) -> float:
    return float(np.abs(a.astype(np.float32) - b.astype(np.float32)).mean() / 255)


def cross_driving(
    avatar: Path,
    clip: Path,
    mouth: str,
    folder: Path,
    every: int,
    measure: Measure,
    model: str = "landmark-warp",
) -> tuple[dict[str, float], list[Any]]:
    """Numbers, and frames for a contact sheet."""
    truth, result = frames_of(clip), animated(avatar, clip, folder, mouth, model)
    pairs = [(measure(a), measure(b)) for a, b in zip(truth[::every], result[::every], strict=True)]
    found = [(a, b) for a, b in pairs if a is not None and b is not None]
    out: dict[str, float] = {"frames": len(pairs), "face_not_found": len(pairs) - len(found)}
    for name, value in BLENDSHAPES.items():
        theirs, ours = np.array([[value(m.blendshapes) for m in pair] for pair in found]).T
        if name == "gaze":
            shut = [max(a.blendshapes["eyeBlinkLeft"], a.blendshapes["eyeBlinkRight"]) for a, _ in found]
            theirs, ours = theirs[np.array(shut) < SHUT], ours[np.array(shut) < SHUT]
        if np.ptp(theirs) >= MOVES:
            out[name] = float(np.corrcoef(theirs, ours)[0, 1])
    (a0, b0), turns = found[0], []
    for a, b in found:
        wanted = euler_angles(similarity(a0.landmarks[RIGID], a.landmarks[RIGID])[1])
        turned = euler_angles(similarity(b0.landmarks[RIGID], b.landmarks[RIGID])[1])
        turns.append(np.abs(np.subtract(wanted, turned)))
    for name, error in zip(("yaw", "pitch", "roll"), np.mean(turns, axis=0), strict=True):
        out[f"{name}_error_deg"] = float(error)
    out |= folding(avatar, truth[:: 2 * every], model)
    sheet = [np.vstack([square(truth[k]), square(result[k])]) for k in range(0, len(truth), len(truth) // 8)]
    return out, sheet


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """Each number's mean over the clips that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def square(pixels: Any, side: int = 256) -> Any:
    height, width = pixels.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return cv2.resize(
        pixels[top : top + edge, left : left + edge], (side, side), interpolation=cv2.INTER_AREA
    )


def folding(avatar: Path, driving: list[Any], model: str) -> dict[str, float]:
    """The sampling grid's Jacobian determinant over the person layer, outside eyes and mouth."""
    animator = create(model, mouth="painted")
    assert isinstance(animator, LandmarkWarp)
    state = animator.prepare(load_image(avatar, max_side=640))
    with FaceLandmarker(mode="image", max_faces=1) as landmarker:
        found = [DrivingFrame(f, faces[0]) for f in driving if (faces := landmarker.detect(f))]
    least, folded = np.inf, 0.0
    for frame in found:
        motion = animator.avatar_motion(state, Motion(frame, found[0]))
        grid = animator.motion_grid(state, motion)
        dx, dy = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
        determinant = dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]
        person = np.ones(grid.shape[:2], np.uint8)
        if state.person is not None:
            person = (cv2.remap(state.person[..., 3], grid, None, cv2.INTER_LINEAR) > 127).astype(np.uint8)
        for outline in (*(eye.outline for eye in EYES), INNER_LIPS):
            opening = np.round(motion.landmarks[outline, :2]).astype(np.int32)
            cv2.fillPoly(person, [opening], 0)
            cv2.polylines(person, [opening], isClosed=True, color=0, thickness=3)
        inside = determinant[person > 0]
        least = min(least, float(inside.min()))
        folded = max(folded, float((inside <= 0).mean()))
    return {"least_determinant": least, "folded_share": folded}


def print_table(console: Console, title: str, rows: dict[str, dict[str, float]]) -> None:
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    table = Table(title=title)
    table.add_column("")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, row in rows.items():
        cells = [f"{row[c]:.3f}" if c in row else "" for c in columns]
        table.add_row(name, *cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder of driving clips, one face each")
    parser.add_argument("--avatars", type=Path, default=resources.AVATARS, help="folder of portraits")
    parser.add_argument("--every", type=int, default=2, help="measure every n-th frame")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--sheets", type=Path, default=None, help="folder for contact sheets")
    options = parser.parse_args()
    console, measure = Console(width=200), Measure()
    clips = sorted(options.clips.glob("*.mp4"))
    avatars = sorted(p for p in options.avatars.iterdir() if p.suffix in {".jpg", ".png"})
    results: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for mouth in ("painted", "driver"):
            rows = {
                clip.stem: self_reenactment(clip, mouth, folder, options.every, measure) for clip in clips
            }
            results[f"self_reenactment_{mouth}"] = rows
            print_table(console, f"Self-reenactment, --mouth {mouth}", rows)
        for mouth in ("driver", "painted"):
            rows = {}
            for avatar in avatars:
                for clip in clips:
                    name = f"{avatar.stem} by {clip.stem}"
                    rows[name], sheet = cross_driving(avatar, clip, mouth, folder, options.every, measure)
                    if options.sheets is not None:
                        options.sheets.mkdir(parents=True, exist_ok=True)
                        path = options.sheets / f"{avatar.stem}-{clip.stem}-{mouth}.png"
                        Image.fromarray(np.hstack(sheet)).save(path)
                rows[f"{avatar.stem}, mean"] = mean_of([rows[f"{avatar.stem} by {c.stem}"] for c in clips])
            results[f"cross_driving_{mouth}"] = rows
            print_table(console, f"Cross-driving, --mouth {mouth}", rows)
    measure.close()
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
