"""The neutral pose of the last session, kept for the next one with the same camera.

Kept are landmarks and numbers, never a picture. Models that measure motion on pixels need the neutral frame
itself, which is a picture of the user: their neutral poses are not kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fomm.animators.base import DrivingFrame, Landmarks
from fomm.landmarks import NUM_LANDMARKS, RIGID, face_width, similarity
from live.background import Background
from live.pose import shape_difference
from live.sources.base import Notify

_VERSION = 1
#: How many poses are kept: of one camera (several people may share it), and in all.
_PER_CAMERA, _IN_ALL = 3, 12
#: Faces whose stiff parts differ by more, in face widths, are two people's.
_SAME_FACE = 0.018
#: How much nearer and how far away, in face widths, a driver may sit for a kept pose still to fit.
_RESIZED, _MOVED = 1.25, 0.5


@dataclass(frozen=True, eq=False)
class KeptPose:
    """A neutral pose without its picture.

    Attributes:
        camera: the camera's name.
        size: `(width, height)` of its frames.
        landmarks: `(478, 3)` float32 in pixels of them.
        by_hand: whether the user chose it, rather than the search.
    """

    camera: str
    size: tuple[int, int]
    landmarks: Landmarks
    by_hand: bool

    def fits(self, driving: DrivingFrame) -> bool:
        """Whether it is the same face, seen at about the same size and place in a frame of the same size."""
        landmarks = driving.landmarks
        if landmarks is None or driving.pixels.shape[1::-1] != self.size:
            return False
        scale, _, c0, c1 = similarity(self.landmarks[RIGID], landmarks[RIGID])
        moved = float(np.linalg.norm((c1 - c0)[:2])) / face_width(self.landmarks)
        near = 1 / _RESIZED <= scale <= _RESIZED and moved <= _MOVED
        return near and shape_difference(self.landmarks, landmarks) <= _SAME_FACE

    @property
    def driving(self) -> DrivingFrame:
        """For animators that read nothing of a neutral frame but its landmarks: its pixels are black."""
        width, height = self.size
        return DrivingFrame(np.broadcast_to(np.uint8(0), (height, width, 3)), self.landmarks)


def memory_file() -> Path:
    """Where neutral poses are kept."""
    import platformdirs

    return platformdirs.user_state_path("fomm-live", appauthor=False) / "neutral-poses.json"


class Memory:
    """The kept poses of one camera, in a file that only the user can read.

    A file that cannot be read is told of and begun anew; one that cannot be written is told of once.

    Args:
        camera: the camera's name.
        notify: takes a sentence about what went wrong.
        file: where poses are kept.
    """

    def __init__(self, camera: str, notify: Notify, file: Path | None = None) -> None:
        self._camera = camera
        self._notify = notify
        self._file = file or memory_file()
        self._everyones = self._read()
        self._writing: Background[None] | None = None
        self._again = False

    @property
    def poses(self) -> list[KeptPose]:
        """Those of this camera, the latest first."""
        return [pose for pose in self._everyones if pose.camera == self._camera]

    def keep(self, landmarks: Landmarks, size: tuple[int, int], *, by_hand: bool) -> None:
        """Keep a pose instead of the same person's earlier one. Never waits for the disk.

        Args:
            landmarks: `(478, 3)` in pixels.
            size: `(width, height)` of the frame.
            by_hand: whether the user chose it.
        """
        new = KeptPose(self._camera, size, landmarks, by_hand)
        others = [pose for pose in self._everyones if not _replaces(new, pose)]
        ours = [pose for pose in others if pose.camera == self._camera][: _PER_CAMERA - 1]
        rest = [pose for pose in others if pose.camera != self._camera]
        self._everyones = [new, *ours, *rest][:_IN_ALL]
        self._again = True
        self._write_soon()

    def poll(self) -> None:
        """Go on with what could not be written yet; call it now and then."""
        if self._writing is not None and self._writing.done:
            self._write_soon()

    def close(self, timeout: float = 1.0) -> None:
        """Wait for what is being written."""
        deadline = time.monotonic() + timeout
        while self._writing is not None and self._writing.wait(max(0.0, deadline - time.monotonic())):
            self._write_soon()

    def _write_soon(self) -> None:
        if self._writing is not None and not self._writing.done:
            return
        self._writing = None
        if self._again:
            self._again = False
            poses = list(self._everyones)
            self._writing = Background(lambda: self._write(poses), name="memory")

    def _read(self) -> list[KeptPose]:
        try:
            content = json.loads(self._file.read_bytes())
            if content["version"] > _VERSION:
                self._notify(f"{self._file} is a newer version's; neutral poses are searched afresh")
                return []
            return [_from_json(entry) for entry in content["poses"]][:_IN_ALL]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or "it is damaged"
            self._notify(f"{self._file} cannot be used ({reason}); neutral poses are remembered afresh")
            return []

    def _write(self, poses: Sequence[KeptPose]) -> None:
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = {"version": _VERSION, "poses": [_to_json(pose) for pose in poses]}
            temporary.unlink(missing_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(content, file)
            temporary.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            self._notify(f"the neutral pose is not remembered: {self._file} ({error.strerror})")


def _replaces(new: KeptPose, old: KeptPose) -> bool:
    same_camera = new.camera == old.camera and new.size == old.size
    return same_camera and shape_difference(old.landmarks, new.landmarks) <= _SAME_FACE


def _to_json(pose: KeptPose) -> dict[str, Any]:
    return {
        "camera": pose.camera,
        "size": list(pose.size),
        "by_hand": pose.by_hand,
        "landmarks": np.round(pose.landmarks.astype(np.float64), 1).tolist(),
    }


def _from_json(entry: Any) -> KeptPose:
    """Raises ValueError, KeyError, TypeError or OverflowError where it is none."""
    with np.errstate(over="ignore"):  # infinite, then, and refused
        landmarks = np.array(entry["landmarks"], np.float32)
    width, height = (int(side) for side in entry["size"])
    if landmarks.shape != (NUM_LANDMARKS, 3) or not np.isfinite(landmarks).all() or np.ptp(landmarks) == 0:
        raise ValueError("not 478 landmarks")
    if not 0 < width < 100_000 or not 0 < height < 100_000:
        raise ValueError("no size of a frame")
    return KeptPose(str(entry["camera"]), (width, height), landmarks, bool(entry["by_hand"]))
