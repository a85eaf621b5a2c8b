"""8-bit convolutions of the correcting network: which range they need, and whether they are worth it here.

Both are found out the first time, in a second, on a bundled portrait that turns its head, and kept.
"""

from __future__ import annotations

import functools
import hashlib
import statistics
import time
from dataclasses import dataclass

import numpy as np

from fomm import resources
from fomm.animators.base import DrivingFrame, Motion
from fomm.animators.face_lite.clues import UNIT, Stills, seen, share
from fomm.animators.face_lite.network import FACE, Array, Weights
from fomm.animators.face_lite.openvino_execution import OpenVinoExecution, largest_inputs, supported
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.engines import cache
from fomm.errors import EngineError, FommError
from fomm.images import load_image
from fomm.landmarks import RIGID, rotation_matrix
from fomm.openvino_import import load_openvino

#: How its head is turned: yaw, pitch, roll, degrees; and shifted to the side, in face heights.
_POSES = (
    (0, 0, 0, 0),
    (30, 0, 0, 0),
    (-30, 0, 0, 0),
    (0, 25, 0, 0),
    (0, -25, 0, 0),
    (0, 0, 25, 0),
    (0, 0, -25, 0),
    (20, 15, -10, 0.2),
    (-20, -15, 10, -0.2),
)
_SIDE = 384
#: How far a correction may be off where it counts, in sides of the square: half a pixel where that is 256 pixels.
_RIGHT = 0.5 / 256
#: 8 bits are taken when they need at most this share of the time.
_FASTER = 0.95
_ROUNDS, _WARM_UP = 40, 10


@dataclass(frozen=True)
class Calibration:
    """What was found out.

    Attributes:
        ranges: see `largest_inputs`.
        pays: with 8 bits corrections are right, and come sooner.
    """

    ranges: dict[str, float]
    pays: bool


def create(weights: Weights, precision: str | None) -> OpenVinoExecution:
    """The network executed by OpenVINO, see `OpenVinoExecution`; None takes 8 bits where they pay.

    Raises:
        EngineError: OpenVINO is not installed, the processor lacks the instructions, or 8 bits were asked for and
            cannot be calibrated.
    """
    if precision == "int8" and precision in supported():
        return OpenVinoExecution(weights, precision, calibrated(weights).ranges)
    if precision is None and "int8" in supported():
        try:
            calibration = calibrated(weights)
        except EngineError:
            return OpenVinoExecution(weights)
        if calibration.pays:
            return OpenVinoExecution(weights, "int8", calibration.ranges)
    return OpenVinoExecution(weights, precision)


def calibrated(weights: Weights) -> Calibration:
    """From the cache where it is there, otherwise found out and kept.

    Raises:
        EngineError: there are no faces or mattes to be had: MediaPipe is not installed, or does not work.
    """
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode() + value.tobytes())
    path = cache.path_of(
        "face-lite-int8",
        weights=digest.hexdigest(),
        openvino=load_openvino().__version__,
        program=cache.program("animators", "engines"),
        processor=cache.processor(),
    )
    kept = cache.read_record(path)
    if kept is not None:
        return Calibration(**kept)
    try:
        clues = examples()
    except (FommError, ImportError, RuntimeError) as error:
        raise EngineError(f"8 bits cannot be calibrated ({error}); leave the precision out") from error
    ranges = largest_inputs(weights, clues)
    eight, best = OpenVinoExecution(weights, "int8", ranges), OpenVinoExecution(weights)
    exact = OpenVinoExecution(weights, "fp32")
    off = max(float((np.abs(eight(one) - exact(one))[:2] * share(one[FACE])).max()) for one in clues) * UNIT
    calibration = Calibration(ranges, off <= _RIGHT and _share_of_time(eight, best, clues[0]) <= _FASTER)
    cache.write_record(path, vars(calibration))
    return calibration


@functools.cache
def examples() -> tuple[Array, ...]:
    """What the network sees of a portrait that turns its head: clues, see `fomm.animators.face_lite.clues`."""
    warp, out = LandmarkWarp(), []
    state = warp.prepare(load_image(resources.AVATARS / "eileen-collins.jpg", max_side=_SIDE))
    if state.person is None:
        raise EngineError("nobody is found in the bundled portrait")
    stills = Stills.of(state.landmarks, state.person[..., 3].astype(np.float32) / 255)
    rest = DrivingFrame(state.portrait, state.landmarks)
    centre, height = state.landmarks[RIGID].mean(axis=0), float(np.ptp(state.landmarks[:, 1]))
    for yaw, pitch, roll, aside in _POSES:
        turned = (state.landmarks - centre) @ rotation_matrix(yaw, pitch, roll).T + centre
        turned[:, 0] += aside * height
        moved = DrivingFrame(state.portrait, turned.astype(np.float32))
        motion = warp.avatar_motion(state, Motion(moved, rest))
        out.append(seen(stills, warp.motion_grid(state, motion), motion))
    return tuple(out)


def _share_of_time(one: OpenVinoExecution, other: OpenVinoExecution, clues: Array) -> float:
    """Of the other's, which takes turns with it."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for execution, taken in zip((one, other), times, strict=True):
            started = time.perf_counter()
            execution(clues)
            taken.append(time.perf_counter() - started)
    mine, theirs = (statistics.median(taken[_WARM_UP:]) for taken in times)
    return mine / theirs
