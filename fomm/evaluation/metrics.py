"""What is measured between a true frame and its reconstruction, and the sums over many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.evaluation.identity import IdentityEmbedder
from fomm.face_points import PointDetector


@dataclass(frozen=True)
class Scores:
    """Means over frames. What was not measured is None.

    Attributes:
        frames: how many frames were compared.
        l1: mean absolute difference of the colours, which are in [0, 1].
        akd: average keypoint distance: mean distance of the detector's points in pixels, over frames where it finds a
            face in both pictures.
        mkr: missing keypoint rate: of the true frames in which it finds a face, the part whose reconstruction shows
            it none.
        aed: average euclidean distance of the identity embeddings, over the same frames as `akd`.
        faces: how many of the true frames show the detector a face.
    """

    frames: int
    l1: float
    akd: float | None
    mkr: float | None
    aed: float | None
    faces: int | None


@dataclass
class Tally:
    """Sums over frames, from which `Scores` are made; tallies of several clips add up."""

    frames: int = 0
    difference: float = 0.0
    faces: int = 0
    missing: int = 0
    distance: float = 0.0
    identity: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        mine, theirs = vars(self), vars(other)
        return Tally(**{name: mine[name] + theirs[name] for name in mine})


class Judge:
    """Compares true frames with their reconstructions.

    Args:
        detector: finds the face's points; None measures colours only.
        embedder: embeds the face; None leaves identity out.
    """

    def __init__(self, detector: PointDetector | None, embedder: IdentityEmbedder | None) -> None:
        self._detector = detector
        self._embedder = embedder if detector is not None else None

    def compare(self, truth: Frame, result: NDArray[np.float32]) -> Tally:
        """One frame's sums.

        Args:
            truth: `(H, W, 3)` uint8 RGB.
            result: `(H, W, 3)` float32 RGB in [0, 1].
        """
        tally = Tally(frames=1, difference=float(np.abs(result - truth.astype(np.float32) / 255).mean()))
        if self._detector is None:
            return tally
        points = self._detector.detect(truth)
        if points is None:
            return tally
        tally.faces = 1
        shown = np.clip(np.rint(result * 255), 0, 255).astype(np.uint8)
        found = self._detector.detect(shown)
        if found is None:
            tally.missing = 1
            return tally
        tally.distance = float(np.linalg.norm(found - points, axis=1).mean())
        if self._embedder is not None:
            anchors = list(self._detector.anchors)
            true = self._embedder.embed(truth, points[anchors])
            tally.identity = float(np.linalg.norm(self._embedder.embed(shown, found[anchors]) - true))
        return tally

    def scores(self, tally: Tally) -> Scores:
        """The means of at least one frame."""
        faces = tally.faces if self._detector is not None else None
        both = tally.faces - tally.missing
        return Scores(
            frames=tally.frames,
            l1=tally.difference / tally.frames,
            akd=tally.distance / both if both else None,
            mkr=tally.missing / tally.faces if faces else None,
            aed=tally.identity / both if both and self._embedder is not None else None,
            faces=faces,
        )
