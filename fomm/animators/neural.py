"""The First Order Motion Model as an animator: the source is encoded once, each frame only moves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from fomm.animators.base import DrivingFrame, Frame, Landmarks, Motion, SourceImage
from fomm.crops import Square, source_square
from fomm.engines.base import Engine, Source, to_pictures
from fomm.engines.fallback import out_of_memory
from fomm.errors import NoFaceError
from fomm.keypoints import Keypoints, Transfer, hull_area, movement_scale

#: How far, in halves of its own picture, the avatar goes along with a driver who moves away for good, and how much
#: nearer or farther: a face that fills its square as usual stays whole.
_ALONG, _NEARER = 0.4, 1.25

#: Below this strength the frame fades into the portrait itself, which the generator never draws exactly.
_FADE = 0.25


@dataclass(frozen=True, eq=False)
class NeuralState:
    """One avatar, prepared.

    Attributes:
        portrait: the source's crop at the model's size.
        landmarks: `(478, 3)` in pixels of the portrait; None for models that need no face, and for faces that only
            face-alignment finds.
        source: what the engine made of the portrait.
        area: of its keypoints' convex hull.
        notices: sentences worth showing the user.
    """

    portrait: Frame
    landmarks: Landmarks | None
    source: Source
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
        engine: what executes the model.
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
        engine: Engine,
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
        self.best_batch = engine.best_batch
        self._engine = engine
        self._neutrals: tuple[_NeutralPose, ...] = ()

    @property
    def device(self) -> str:
        """What executes the model now, in words."""
        return self._engine.description

    def look(self, source: SourceImage) -> Landmarks | None:
        """The face's landmarks; None for whole pictures, and for faces that only face-alignment finds.

        Raises:
            NoFaceError: pictures are cropped and this one has no face, or only a tiny one.
        """
        return source_square(source)[1] if self.crop else None

    def prepare(self, source: SourceImage) -> NeuralState:
        """Crop the picture, find its keypoints, encode it. Safe to call in another thread.

        Raises:
            NoFaceError: pictures are cropped and this one has no face, or only a tiny one.
        """
        landmarks, notices = None, (*source.notices, *self._engine.notices)
        if self.crop:
            square, found, more = source_square(source)
            landmarks = None if found is None else square.map(found, self.size)
            notices = (*notices, *more)
        else:
            square = Square.around_all(source.pixels.shape)
        portrait = square.cut(source.pixels, self.size)
        encoded = self._engine.encode(to_pictures(portrait[None]))
        return NeuralState(
            portrait=portrait,
            landmarks=landmarks,
            source=encoded,
            area=hull_area(encoded.keypoints)[0],
            notices=notices,
        )

    def drive(self, state: NeuralState, motion: Motion) -> Frame:
        """One frame, the portrait's shape.

        Raises:
            NoFaceError: pictures are cropped and the neutral frame has no face.
        """
        return self.drive_batch(state, [motion])[0]

    def drive_batch(self, state: NeuralState, motions: Sequence[Motion]) -> list[Frame]:
        """Several frames at once, which keeps a GPU busy; see `drive`. Those for which its memory does not suffice go
        in smaller batches, then and later (`best_batch`).

        Raises:
            NoFaceError: pictures are cropped and the neutral frame has no face.
            ValueError: the motions are not all measured against the same neutral frame.
        """
        if not motions:
            return []
        neutral, leaving = motions[0].neutral, motions[0].leaving
        if any(motion.neutral is not neutral or motion.leaving is not leaving for motion in motions):
            raise ValueError("the motions of one batch must share their neutral frame")
        if all(motion.strength <= 0 for motion in motions):
            return [state.portrait.copy() for _ in motions]
        pose = self._neutral_pose(neutral)
        squares = [(self.crop and motion.driving.square) or pose.square for motion in motions]
        crops = np.stack(
            [
                square.cut(motion.driving.pixels, self.size)
                for square, motion in zip(squares, motions, strict=True)
            ]
        )
        strengths = [motion.strength for motion in motions]
        transfer = self._transfer(state, pose, squares, strengths)
        if leaving is not None and self.relative:
            before = self._transfer(state, self._neutral_pose(leaving), squares, strengths)
            transfer = before.mixed(transfer, torch.tensor([motion.arrived for motion in motions]))
        try:
            frames = self._engine.step(state.source, crops, transfer)
        except RuntimeError as error:
            if len(motions) == 1 or not out_of_memory(error):
                raise
            self.best_batch = len(motions) // 2
            half = self.best_batch
            return self.drive_batch(state, motions[:half]) + self.drive_batch(state, motions[half:])
        return [
            _fade(state.portrait, frame, motion.strength)
            for frame, motion in zip(frames, motions, strict=True)
        ]

    def _transfer(
        self,
        state: NeuralState,
        pose: _NeutralPose,
        squares: Sequence[Square],
        strengths: Sequence[float],
    ) -> Transfer:
        """Where the driving keypoints of each crop send the source's."""
        transfer = Transfer.absolute()
        if self.relative:
            transfer = Transfer.relative(
                state.source.keypoints,
                pose.keypoints,
                scale=movement_scale(state.area, pose.area) if self.adapt_scale else 1.0,
                relative_jacobian=self.relative_jacobian,
            )
            # Absolute motion puts the portrait into the driver's pose as the crop shows it, wherever the crop is.
            if any(square != pose.square for square in squares):
                transfer = transfer.seen(*_moved_crops(pose.square, squares, self.size))
        if any(strength < 1 for strength in strengths):
            transfer = transfer.eased(state.source.keypoints, torch.tensor(strengths))
        return transfer

    def _neutral_pose(self, frame: DrivingFrame) -> _NeutralPose:
        """Made once for each neutral frame, known again by identity; the last two, since one may replace another."""
        for pose in self._neutrals:
            if pose.frame is frame:
                return pose
        square = self._driving_square(frame)
        keypoints = self._engine.detect(to_pictures(square.cut(frame.pixels, self.size)[None]))
        pose = _NeutralPose(frame, square, keypoints, hull_area(keypoints)[0])
        self._neutrals = (*self._neutrals[-1:], pose)
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


def _moved_crops(
    neutral: Square, squares: Sequence[Square], size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """How to see keypoints found in other crops as if they had been found in the neutral one.

    A driver who leaves for good would take the avatar out of its picture: what the crops differ by counts up to a
    limit. Beyond it the avatar stays at the edge, and moves from there.

    Args:
        neutral: the neutral crop.
        squares: one for each of the batch, where its keypoints were found.
        size: `(width, height)` that crops are resized to.

    Returns:
        Zoom and shift, for `Transfer.seen`.
    """
    # -1 and 1 are the middles of the outermost pixels, so a half of a crop is a little less than half its side.
    half = np.array([(pixels - 1) / (2 * pixels) for pixels in size]) * neutral.side
    away = (np.array([square.centre for square in squares]) - neutral.centre) / half
    larger = np.array([square.side / neutral.side for square in squares]).clip(1 / _NEARER, _NEARER)
    shift = away.clip(-_ALONG, _ALONG)
    return torch.tensor(larger, dtype=torch.float32), torch.tensor(shift, dtype=torch.float32)


def _fade(portrait: Frame, frame: Frame, strength: float) -> Frame:
    if strength >= _FADE:
        return frame
    weight = max(strength, 0.0) / _FADE
    return np.asarray(cv2.addWeighted(frame, weight, portrait, 1 - weight, 0), np.uint8)
