"""The First Order Motion Model as an animator: the source is encoded once, each frame only moves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from fomm.animators.base import DrivingFrame, Frame, Landmarks, Motion, SourceImage
from fomm.crops import Square, source_square
from fomm.errors import NoFaceError
from fomm.keypoints import Keypoints, ease, hull_area, movement_scale, relative_motion
from fomm.networks import EncodedSource

#: How far, in halves of its own picture, the avatar goes along with a driver who moves away for good, and how much
#: nearer or farther: a face that fills its square as usual stays whole.
_ALONG, _NEARER = 0.4, 1.25

#: Below this strength the frame fades into the portrait itself, which the generator never draws exactly.
_FADE = 0.25

_PRECISION = {torch.float16: " (fp16)", torch.bfloat16: " (bf16)"}


class Networks(Protocol):
    """What executes the model: the three steps of `fomm.networks.first_order.FirstOrderModel`.

    Pictures are `(B, C, H, W)` tensors in [0, 1], on `device` and of type `dtype`.
    """

    @property
    def device(self) -> torch.device:
        """Where pictures go in."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The type they have."""
        ...

    def detect(self, image: Tensor) -> Keypoints:
        """Keypoints, in float32."""
        ...

    def encode(self, source: Tensor) -> EncodedSource:
        """The source half of the generator."""
        ...

    def decode(self, encoded: EncodedSource, source: Keypoints, driving: Keypoints) -> Tensor:
        """The frame half of the generator."""
        ...


@dataclass(frozen=True, eq=False)
class NeuralState:
    """One avatar, prepared.

    Attributes:
        portrait: the source's crop at the model's size.
        landmarks: `(478, 3)` in pixels of the portrait; None for models that need no face, and for faces that only
            face-alignment finds.
        keypoints: of the portrait.
        encoded: what the generator needs of it.
        area: of its keypoints' convex hull.
        notices: sentences worth showing the user.
    """

    portrait: Frame
    landmarks: Landmarks | None
    keypoints: Keypoints
    encoded: EncodedSource
    area: float
    notices: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _NeutralPose:
    """What was made of a neutral frame: where driving frames are cropped, and what they are measured
    against."""

    frame: DrivingFrame
    square: Square
    keypoints: Keypoints
    area: float


class NeuralAnimator:
    """Animates the crop of a picture that the model was trained for.

    Driving frames are cropped to their own `square` where they name one, and otherwise all where the neutral frame's
    face is. A crop that is not the neutral one's changes what the detector is shown and nothing else: in relative
    motion, keypoints are measured from where the neutral crop was, so that the driver's shifts remain motion, and the
    crop's own moves are none.

    Args:
        networks: what executes the model.
        name: of the model.
        size: `(width, height)` of the pictures it was trained on.
        needs_face: whether it was trained on faces.
        crop: whether pictures are cropped around a face; otherwise they are taken whole. None does so for models that
            need a face; False is for pictures that were cropped before.
        relative: the source moves as the driver moves away from the neutral pose; False takes the driver's
            keypoints as they are.
        adapt_scale: relative motion is scaled by the ratio of the two objects' sizes.
        relative_jacobian: whether keypoints also turn and stretch relative to the neutral pose.
    """

    def __init__(
        self,
        networks: Networks,
        *,
        name: str,
        size: tuple[int, int],
        needs_face: bool,
        crop: bool | None = None,
        relative: bool = True,
        adapt_scale: bool = False,
        relative_jacobian: bool = True,
    ) -> None:
        self.name = name
        self.size = size
        self.needs_face = needs_face
        self.crop = needs_face if crop is None else crop
        self.relative = relative
        self.adapt_scale = adapt_scale
        self.relative_jacobian = relative_jacobian
        self.device = f"{networks.device}{_PRECISION.get(networks.dtype, '')}"
        self._networks = networks
        self._neutral: _NeutralPose | None = None

    @torch.inference_mode()
    def prepare(self, source: SourceImage) -> NeuralState:
        """Crop the picture, find its keypoints, encode it. Safe to call in another thread.

        Raises:
            NoFaceError: pictures are cropped and this one has no face, or only a tiny one.
        """
        landmarks, notices = None, source.notices
        if self.crop:
            square, found, more = source_square(source)
            landmarks = None if found is None else square.map(found, self.size)
            notices = (*notices, *more)
        else:
            square = Square.around_all(source.pixels.shape)
        portrait = square.cut(source.pixels, self.size)
        image = self._to_tensor([portrait])
        keypoints = self._networks.detect(image)
        return NeuralState(
            portrait=portrait,
            landmarks=landmarks,
            keypoints=keypoints,
            encoded=self._networks.encode(image),
            area=hull_area(keypoints)[0],
            notices=notices,
        )

    def drive(self, state: NeuralState, motion: Motion) -> Frame:
        """One frame, the portrait's shape.

        Raises:
            NoFaceError: pictures are cropped and the neutral frame has no face.
        """
        return self.drive_batch(state, [motion])[0]

    @torch.inference_mode()
    def drive_batch(self, state: NeuralState, motions: Sequence[Motion]) -> list[Frame]:
        """Several frames at once, which keeps a GPU busy; see `drive`.

        Raises:
            NoFaceError: pictures are cropped and the neutral frame has no face.
            ValueError: the motions are not all measured against the same neutral frame.
        """
        if not motions:
            return []
        neutral = motions[0].neutral
        if any(motion.neutral is not neutral for motion in motions):
            raise ValueError("the motions of one batch must share their neutral frame")
        if all(motion.strength <= 0 for motion in motions):
            return [state.portrait.copy() for _ in motions]
        pose = self._neutral_pose(neutral)
        squares = [(self.crop and motion.driving.square) or pose.square for motion in motions]
        crops = [
            square.cut(motion.driving.pixels, self.size)
            for square, motion in zip(squares, motions, strict=True)
        ]
        driving = self._networks.detect(self._to_tensor(crops))
        # Absolute motion puts the portrait into the driver's pose as the crop shows it, wherever the crop is.
        if self.relative and any(square != pose.square for square in squares):
            driving = _seen_from(pose.square, squares, driving, self.size)
        target = self._target(state, pose, driving, [motion.strength for motion in motions])
        batch = len(motions)
        predicted = self._networks.decode(state.encoded.expand(batch), state.keypoints.expand(batch), target)
        frames = _to_frames(predicted)
        return [
            _fade(state.portrait, frame, motion.strength)
            for frame, motion in zip(frames, motions, strict=True)
        ]

    def _target(
        self, state: NeuralState, pose: _NeutralPose, driving: Keypoints, strengths: Sequence[float]
    ) -> Keypoints:
        """Where the source's keypoints go."""
        if self.relative:
            target = relative_motion(
                state.keypoints,
                driving,
                pose.keypoints,
                scale=movement_scale(state.area, pose.area) if self.adapt_scale else 1.0,
                relative_jacobian=self.relative_jacobian,
            )
        else:
            target = driving
        if all(strength >= 1 for strength in strengths):
            return target
        return ease(state.keypoints, target, torch.tensor(strengths, device=self._networks.device))

    def _neutral_pose(self, frame: DrivingFrame) -> _NeutralPose:
        """Made once for each neutral frame, known again by identity."""
        pose = self._neutral
        if pose is None or pose.frame is not frame:
            square = self._driving_square(frame)
            keypoints = self._networks.detect(self._to_tensor([square.cut(frame.pixels, self.size)]))
            pose = _NeutralPose(frame, square, keypoints, hull_area(keypoints)[0])
            self._neutral = pose
        return pose

    def _driving_square(self, frame: DrivingFrame) -> Square:
        if not self.crop:
            return Square.around_all(frame.pixels.shape)
        if frame.square is not None:
            return frame.square
        if frame.landmarks is None:
            raise NoFaceError(
                f"the neutral frame has no face, and {self.name} needs one to find its crop: calibrate again "
                "with the face in view"
            )
        return Square.around_face(frame.landmarks, frame.pixels.shape)

    def _to_tensor(self, frames: Sequence[Frame]) -> Tensor:
        """`(H, W, 3)` uint8 frames → `(B, 3, H, W)` in [0, 1]."""
        pixels = torch.from_numpy(np.stack(frames)).to(self._networks.device)
        # Contiguous, since convolutions give other last digits (and speed) in other memory layouts.
        return pixels.permute(0, 3, 1, 2).to(self._networks.dtype).contiguous() / 255


def _seen_from(
    neutral: Square, squares: Sequence[Square], keypoints: Keypoints, size: tuple[int, int]
) -> Keypoints:
    """Keypoints found in other crops, as if they had been found in the neutral one.

    A driver who leaves for good would take the avatar out of its picture: what the crops differ by counts up to a
    limit. Beyond it the avatar stays at the edge, and moves from there.

    Args:
        neutral: the neutral crop.
        squares: one for each of the batch, where its keypoints were found.
        keypoints: in units of these crops.
        size: `(width, height)` that crops are resized to.
    """
    # -1 and 1 are the middles of the outermost pixels, so a half of a crop is a little less than half its side.
    half = np.array([(pixels - 1) / (2 * pixels) for pixels in size]) * neutral.side
    away = (np.array([square.centre for square in squares]) - neutral.centre) / half
    larger = np.array([square.side / neutral.side for square in squares]).clip(1 / _NEARER, _NEARER)
    device = keypoints.value.device
    shift = torch.tensor(away.clip(-_ALONG, _ALONG), dtype=torch.float32, device=device)[:, None]
    scale = torch.tensor(larger, dtype=torch.float32, device=device)[:, None, None]
    value = keypoints.value.float() * scale + shift
    if keypoints.jacobian is None:
        return Keypoints(value)
    return Keypoints(value, keypoints.jacobian.float() * scale[..., None])


def _to_frames(predicted: Tensor) -> list[Frame]:
    """`(B, 3, H, W)` in [0, 1] → `(H, W, 3)` uint8 frames."""
    pixels = predicted.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def _fade(portrait: Frame, frame: Frame, strength: float) -> Frame:
    if strength >= _FADE:
        return frame
    weight = max(strength, 0.0) / _FADE
    return np.asarray(cv2.addWeighted(frame, weight, portrait, 1 - weight, 0), np.uint8)
