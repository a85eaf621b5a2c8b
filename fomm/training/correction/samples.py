"""What the correcting network learns from: pairs of synthetic frames, without their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import DrivingFrame, Motion
from fomm.animators.face_lite.clues import Square, Stills, displacement, pose, sketch
from fomm.animators.face_lite.network import CLUE_CELLS
from fomm.animators.face_lite.shoulders import Shoulders
from fomm.animators.landmark_warp import sampling_grid
from fomm.animators.landmark_warp.mesh import build_mesh
from fomm.landmarks import MotionTransfer, face_width, relative_motion
from fomm.synthetic.pairs import Pair, read_shard
from fomm.training.dataset import Skipped

#: Arrays by name, a sample each along the first axis:
#:
#: - `warp`, `true`: `(N, 64, 64, 2)` float16, from each cell to where the warp reads and to where the point was, in
#:   sides of the square;
#: - `visible`, `inside`, `matte`, `driving_matte`: `(N, 64, 64)` uint8: whether the source shows it, whether the
#:   frame does, where the person is in the source and in the driving frame;
#: - `sketches`: `(N, 6, 64, 64)` uint8, of the source and of the avatar's landmarks;
#: - `pose`: `(N, 8)` float32.
Samples: TypeAlias = dict[str, NDArray[Any]]

#: Raised whenever the same pairs give other samples.
VERSION = 2


class Supply(Protocol):
    """Where samples come from.

    Attributes:
        held_out: on which the network is measured and never trained.
        skipped: what could not be used.
    """

    held_out: list[Samples]
    skipped: list[Skipped]

    def describe(self) -> str:
        """What is trained on, for the user."""
        ...

    def draw(self, step: int, chance: Sequence[np.random.Generator]) -> Samples:
        """What a step learns from in this process, a sample for each of `chance`, which settles what is left to it.

        Steps come one after another, from any one on.
        """
        ...

    def refresh(self) -> None:
        """Take in what has come meanwhile."""
        ...

    def close(self) -> None:
        """End what it has started; idempotent."""
        ...


def sample(pair: Pair) -> Samples:
    """One pair, its source animated to its driving frame; without the first axis."""
    size = pair.source.shape[0]
    mesh = build_mesh(pair.source_landmarks)
    transfer = MotionTransfer(mesh.landmarks, size)
    moved = transfer(
        relative_motion(pair.source_landmarks, pair.driving_landmarks), pair.source_landmarks, 1.0
    )
    frames = Motion(
        DrivingFrame(pair.driving, pair.driving_landmarks), DrivingFrame(pair.source, pair.source_landmarks)
    )
    motion = Shoulders().carry(moved, face_width(mesh.landmarks), frames)
    grid = sampling_grid(mesh, (size, size), motion)
    square = Square.around(mesh.landmarks)
    stills = Stills.of(mesh.landmarks, pair.source_person.astype(np.float32) / 255)
    target = square.normalised(motion.landmarks)
    truth = np.asarray((pair.motion + 1) / 2 * (size - 1), np.float32)
    inside = cv2.warpAffine(
        np.full((size, size), 255, np.uint8),
        square.cells(CLUE_CELLS),
        (CLUE_CELLS, CLUE_CELLS),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
    )
    return {
        "warp": displacement(grid, square).astype(np.float16),
        "true": displacement(truth, square).astype(np.float16),
        "visible": _bytes(square.shrink(pair.visible.astype(np.float32), CLUE_CELLS)),
        "inside": np.asarray(inside),
        "matte": _bytes(stills.matte),
        "driving_matte": _bytes(square.shrink(pair.driving_person.astype(np.float32) / 255, CLUE_CELLS)),
        "sketches": _bytes(np.concatenate([stills.sketch, sketch(target)])),
        "pose": pose(stills.landmarks, target),
    }


def samples(pairs: Iterable[Pair]) -> Samples:
    """Those of many pairs; empty where there are none."""
    found = [sample(pair) for pair in pairs]
    return {name: np.stack([one[name] for one in found]) for name in found[0]} if found else {}


def of_shard(path: Path) -> Samples:
    """The samples of a shard, kept beside it: making them takes longer than learning from them.

    Raises:
        VideoError: it is no shard, or damaged.
    """
    kept = path.with_name(f"{path.stem}.samples-{VERSION}.npz")
    made = read(kept)
    if not made:
        made = samples(read_shard(path))
        keep(kept, made)
    return made


def read(path: Path) -> Samples:
    """What `keep` kept; empty where it is not there, or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception:  # a damaged archive raises anything
        return {}


def keep(path: Path, made: Samples) -> None:
    """Write samples; where they cannot be written, they are made again the next time."""
    unfinished = path.with_name(f".{path.name}.part.npz")
    try:
        np.savez(unfinished, allow_pickle=False, **made)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)


def _bytes(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    return np.asarray(np.round(np.clip(values, 0, 1) * 255), np.uint8)
