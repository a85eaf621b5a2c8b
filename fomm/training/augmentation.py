"""What is varied at random between one look at a clip and the next, alike for both frames of a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.config import AugmentationParams, CropParams, JitterParams, ResizeParams, RotationParams
from fomm.errors import ConfigError

#: `(H, W, 3)` float32 RGB in [0, 1].
Picture: TypeAlias = NDArray[Any]

_INTERPOLATION = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR}


def check(params: AugmentationParams, frame_shape: tuple[int, int, int]) -> None:
    """Refuse what would give frames of another shape than the model is for.

    Raises:
        ConfigError: the message names the key.
    """
    here = "dataset_params.augmentation_params"
    if params.resize_param is not None:
        if params.resize_param.interpolation not in _INTERPOLATION:
            known = ", ".join(_INTERPOLATION)
            raise ConfigError(f"{here}.resize_param.interpolation: give one of {known}")
        if params.crop_param is None:
            raise ConfigError(f"{here}.resize_param: needs crop_param, or frames would differ in size")
    if params.crop_param is not None and params.crop_param.size != frame_shape[:2]:
        wanted, found = list(frame_shape[:2]), list(params.crop_param.size)
        raise ConfigError(f"{here}.crop_param.size: must be that of frame_shape, {wanted}, not {found}")


def augment(frames: list[Picture], params: AugmentationParams, rng: np.random.Generator) -> list[Picture]:
    """Vary the frames of one clip: flips, then rotation, size, crop and colours, each where the config asks for it.

    Args:
        frames: `(H, W, 3)` float32 RGB in [0, 1], all of one shape.
        params: what to vary; see `check`.
        rng: settles everything.
    """
    if params.flip_param is not None:
        if params.flip_param.time_flip and rng.random() < 0.5:
            frames = frames[::-1]
        if params.flip_param.horizontal_flip and rng.random() < 0.5:
            frames = [frame[:, ::-1] for frame in frames]
    if params.rotation_param is not None:
        frames = _rotated(frames, params.rotation_param, rng)
    if params.resize_param is not None:
        frames = _resized(frames, params.resize_param, rng)
    if params.crop_param is not None:
        frames = _cropped(frames, params.crop_param, rng)
    if params.jitter_param is not None:
        frames = _jittered(frames, params.jitter_param, rng)
    return [np.ascontiguousarray(frame, np.float32) for frame in frames]


def _rotated(frames: list[Picture], params: RotationParams, rng: np.random.Generator) -> list[Picture]:
    angle = rng.uniform(-params.degrees, params.degrees)
    height, width = frames[0].shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    return [
        cv2.warpAffine(np.ascontiguousarray(frame), turn, (width, height), borderMode=cv2.BORDER_REFLECT)
        for frame in frames
    ]


def _resized(frames: list[Picture], params: ResizeParams, rng: np.random.Generator) -> list[Picture]:
    factor = rng.uniform(*params.ratio)
    how = _INTERPOLATION[params.interpolation]
    return [
        cv2.resize(np.ascontiguousarray(frame), None, fx=factor, fy=factor, interpolation=how)
        for frame in frames
    ]


def _cropped(frames: list[Picture], params: CropParams, rng: np.random.Generator) -> list[Picture]:
    """A random part; pictures that are too small repeat their edges first."""
    height, width = params.size
    missing = [max(wanted - found, 0) for wanted, found in zip(params.size, frames[0].shape[:2], strict=True)]
    edges = [(lack // 2, lack - lack // 2) for lack in missing]
    frames = [np.pad(frame, (*edges, (0, 0)), mode="edge") for frame in frames]
    top = int(rng.integers(frames[0].shape[0] - height + 1))
    left = int(rng.integers(frames[0].shape[1] - width + 1))
    return [frame[top : top + height, left : left + width] for frame in frames]


def _jittered(frames: list[Picture], params: JitterParams, rng: np.random.Generator) -> list[Picture]:
    """Brightness, contrast, saturation and hue in random order."""
    steps: list[Callable[[Picture], Picture]] = []
    for amount, apply in (
        (params.brightness, _brighter),
        (params.contrast, _harder),
        (params.saturation, _fuller),
    ):
        if amount > 0:
            factor = rng.uniform(max(0, 1 - amount), 1 + amount)
            steps.append(lambda frame, apply=apply, factor=factor: apply(frame, factor))  # type: ignore[misc]
    if params.hue > 0:
        turn = rng.uniform(-params.hue, params.hue)
        steps.append(lambda frame: _turned(frame, turn))
    for index in rng.permutation(len(steps)):
        frames = [steps[index](frame) for frame in frames]
    return frames


def _brighter(frame: Picture, factor: float) -> Picture:
    return np.asarray(np.clip(frame * np.float32(factor), 0, 1))


def _harder(frame: Picture, factor: float) -> Picture:
    mean = _grey(frame).mean()
    return np.asarray(np.clip(mean + (frame - mean) * np.float32(factor), 0, 1))


def _fuller(frame: Picture, factor: float) -> Picture:
    grey = _grey(frame)[..., None]
    return np.asarray(np.clip(grey + (frame - grey) * np.float32(factor), 0, 1))


def _turned(frame: Picture, turn: float) -> Picture:
    """Hues moved by a share of the colour circle."""
    hsv = cv2.cvtColor(np.ascontiguousarray(frame, np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * turn) % 360
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _grey(frame: Picture) -> Picture:
    grey: Picture = frame @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey
