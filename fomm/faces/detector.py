"""BlazeFace at short range (Bazarevsky et al., 2019): the boxes and eyes of the faces in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.faces.regions import Region, overlap
from fomm.tflite import Runner

#: Side of the picture that the network looks at, in pixels.
SIDE = 128
#: The grids of the network's two heads: pixels between anchors, and anchors at each place.
_GRIDS = ((8, 2), (16, 6))
#: Boxes that overlap the surest one by more than this show the same face.
_SAME_FACE = 0.5


@dataclass(frozen=True, eq=False)
class Detection:
    """One face.

    Attributes:
        score: how sure the network is, in [0, 1].
        box: left, top, right, bottom.
        points: `(6, 2)` float32: right eye, left eye, nose tip, mouth, right ear, left ear (the person's own right).
    """

    score: float
    box: tuple[float, float, float, float]
    points: NDArray[np.float32]

    @property
    def region(self) -> Region:
        """Where to look for the face's landmarks."""
        return Region.around_eyes(self.box, self.points[0], self.points[1])


class FaceDetector:
    """Finds the faces in a picture, the surest first.

    Args:
        network: the model file's `face_detector.tflite`.
    """

    def __init__(self, network: Runner) -> None:
        self._network = network
        self._anchors = anchors()

    def detect(self, pixels: Frame) -> list[Detection]:
        """The faces in `(H, W, 3)` uint8 RGB, in pixels."""
        height, width = pixels.shape[:2]
        whole = max(width, height)
        # The picture in the middle of a black square.
        square = Region(width / 2, height / 2, whole, whole, 0.0)
        square.cut(pixels, SIDE, beyond=cv2.BORDER_CONSTANT, out=self._network.input)
        regressors, scores = self._network.run()
        # Scores are logits: above 0, a face is likelier than none. A box turned inside out is no place for one.
        likely = np.flatnonzero((scores[0, :, 0] >= 0) & (regressors[0, :, 2:4] > 0).all(axis=1))
        if not likely.size:
            return []
        values = decode(regressors[0, likely], self._anchors[likely]) * np.float32(whole)
        values += np.tile([(width - whole) / 2, (height - whole) / 2], 8).astype(np.float32)
        return merge(values, 1 / (1 + np.exp(-scores[0, likely, 0])))


def anchors() -> NDArray[np.float32]:
    """The centres of the network's 896 boxes, `(896, 2)`: x, y in [0, 1]."""
    centres = []
    for stride, copies in _GRIDS:
        places = (np.arange(SIDE // stride, dtype=np.float32) + 0.5) * stride / SIDE
        y, x = np.meshgrid(places, places, indexing="ij")
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), copies, axis=0))
    return np.concatenate(centres)


def decode(regressors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes and points from what the network says about each anchor.

    Args:
        regressors: `(N, 16)` in pixels of the network's input, against the anchor: box centre, box size, six points.
        centres: `(N, 2)` of the anchors, in [0, 1].

    Returns:
        `(N, 16)` in [0, 1]: x, y of the upper left and of the lower right corner, and of the six points.
    """
    scaled = (regressors / np.float32(SIDE)).reshape(-1, 8, 2)
    places = scaled + centres[:, None]
    half = scaled[:, 1] / 2
    places[:, 0], places[:, 1] = places[:, 0] - half, places[:, 0] + half
    return np.asarray(places.reshape(-1, 16), np.float32)


def merge(values: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Detection]:
    """One detection for each face: boxes that overlap are averaged, weighted by their scores.

    Args:
        values: `(N, 16)` as `decode` gives them, in any unit.
        scores: `(N,)` in [0, 1].
    """
    candidates = [int(place) for place in np.argsort(-scores, kind="stable")]
    faces = []
    while candidates:
        surest = _box(values[candidates[0]])
        same = [i for i in candidates if overlap(_box(values[i]), surest) > _SAME_FACE]
        # A box without area overlaps with nothing, itself included.
        same = same or candidates[:1]
        mean = np.average(values[same], axis=0, weights=scores[same]).astype(np.float32)
        faces.append(Detection(float(scores[candidates[0]]), _box(mean), mean[4:].reshape(6, 2)))
        candidates = [i for i in candidates if i not in same]
    return faces


def _box(values: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = values[:4].tolist()
    return left, top, right, bottom
