"""The doors every animator has: a source prepared once, then motion in, frame out.

Conventions used throughout the project:

- `Frame`: `(H, W, 3)` uint8, RGB, C-contiguous.
- `Landmarks`: `(478, 3)` float32, MediaPipe Face Landmarker's points in pixels of the picture they were found
  in: x right, y down, z towards the picture plane's far side, in the same unit as x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fomm.crops import Square

Frame: TypeAlias = NDArray[np.uint8]
Landmarks: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SourceImage:
    """The still picture that is animated.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB.
        name: what messages call it, usually the file's name.
        notices: sentences worth showing the user, e.g. that the largest of several faces was taken.
        landmarks: `(478, 3)` of its face, where they are known beforehand; None has it looked for.
    """

    pixels: Frame
    name: str = "picture"
    notices: tuple[str, ...] = ()
    landmarks: Landmarks | None = None

    def resized(self, size: tuple[int, int]) -> SourceImage:
        """The same picture, made smaller to `(width, height)`."""
        height, width = self.pixels.shape[:2]
        landmarks = self.landmarks
        if landmarks is not None:
            landmarks = landmarks * np.array([size[0] / width, size[1] / height, size[0] / width], np.float32)
        pixels = np.asarray(cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return replace(self, pixels=pixels, landmarks=landmarks)


@dataclass(frozen=True, eq=False)
class DrivingFrame:
    """One webcam or video frame whose motion is transferred.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB.
        landmarks: `(478, 3)` float32 in pixels of this frame; None where no face was looked for or found.
        square: where models that were trained on squares around faces should look in this frame; None leaves it to
            the neutral frame's face.
    """

    pixels: Frame
    landmarks: Landmarks | None
    square: Square | None = None


@dataclass(frozen=True, eq=False)
class Motion:
    """What the driver does now, against the pose that counts as no motion.

    Attributes:
        driving: the current driving frame.
        neutral: the neutral pose (the reference implementation's `kp_driving_initial`).
        strength: 1 transfers the motion in full, 0 gives the neutral portrait; between them, an ease.
        leaving: the neutral pose that is being replaced by `neutral`; None where none is.
        arrived: how far it has been, from 0 (all motion is measured against `leaving`) to 1 (against `neutral`).
    """

    driving: DrivingFrame
    neutral: DrivingFrame
    strength: float = 1.0
    leaving: DrivingFrame | None = None
    arrived: float = 1.0

    def eased(self, strength: float) -> Motion:
        """The same motion, transferred at `strength` in [0, 1]."""
        return replace(self, strength=strength)


class SourceState(Protocol):
    """What `Animator.prepare` made of a source: immutable, cacheable, safe to build in another thread."""

    @property
    def portrait(self) -> Frame:
        """The avatar at rest: what is shown before any motion, and after the face was lost."""
        ...


class Animator(Protocol):
    """Source state prepared once, then `drive(state, motion)` for every frame, whatever the model."""

    name: str

    @property
    def device(self) -> str:
        """What executes the model, as the reports print it: "cpu", "torch fp32 on CPU", ... May change meanwhile."""
        ...

    #: False for models that work on the whole frame and need no face (taichi, bair, ...)
    needs_face: bool

    def look(self, source: SourceImage) -> Landmarks | None:
        """Whether `prepare` can use a picture, much sooner: the face's landmarks; None where they are not needed, or
        not known.

        Raises:
            NoFaceError: no usable face in the picture.
        """
        ...

    def prepare(self, source: SourceImage) -> Any:
        """Build the state of one avatar.

        Raises:
            NoFaceError: no usable face in the picture.
        """
        ...

    def drive(self, state: Any, motion: Motion) -> Frame:
        """Render one frame, `state.portrait`'s shape. The result belongs to the caller."""
        ...
