"""The values that travel through the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from fomm.animators.base import DrivingFrame, Frame, Landmarks
from fomm.crops import Square

#: What sinks accept: made by the composer alone, from an animator's output or the neutral portrait, and of these
#: the privacy card. A captured frame is no `OutputFrame`, so the type checker refuses to let the driver's own
#: picture out, but through `live.composer.real_face`.
OutputFrame = NewType("OutputFrame", Frame)


@dataclass(frozen=True, eq=False)
class CapturedFrame:
    """One frame as the source delivered it.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB.
        index: 0 for the source's first frame, growing by one with every frame captured, dropped ones too.
        captured_at: `time.monotonic()` when the frame was there; latency counts from here.
        timestamp: seconds since the source's first frame on the source's own clock; grows.
        capture_s: seconds that waiting for it, decoding and converting it took.
    """

    pixels: Frame
    index: int
    captured_at: float
    timestamp: float
    capture_s: float = 0.0


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """A captured frame, the driver's face in it, and what finding it took.

    Attributes:
        landmarks: `(478, 3)` float32 in pixels of the frame; None where the face is lost.
        tracking_s: seconds spent on tracking.
        square: where models of face crops look; None where the face is lost.
        face_count: how many faces the frame holds, the driver's among them.
    """

    captured: CapturedFrame
    landmarks: Landmarks | None
    tracking_s: float
    square: Square | None = None
    face_count: int = 0

    @property
    def driving(self) -> DrivingFrame:
        """What the animator takes."""
        return DrivingFrame(self.captured.pixels, self.landmarks, self.square)
