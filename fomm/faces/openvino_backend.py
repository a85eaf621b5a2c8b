"""MediaPipe Face Landmarker's networks executed by OpenVINO, and its way from frame to frame around them.

Where a face was, the next frame is looked at, until the network says that none is there any more. The detector
looks for faces as long as there may be more, and where it finds one that is followed already, its region is taken.
MediaPipe's own steadying of points, which it does only where one face is wanted, is left to the caller.
"""

from __future__ import annotations

import functools
import threading
import zipfile
from dataclasses import dataclass

import numpy as np

from fomm import resources
from fomm.animators.base import Frame, Landmarks
from fomm.faces.detector import FaceDetector
from fomm.faces.landmarker import Mode
from fomm.faces.regions import Region
from fomm.tflite import CompiledNetwork

#: Side of the picture that the landmark network looks at, in pixels.
_MESH_SIDE = 256
#: Regions that overlap by more than this are the same face's.
_SAME_FACE = 0.5


class OpenVinoBackend:
    """See `fomm.faces.landmarker.Backend`.

    Raises:
        ImportError: OpenVINO is not installed.
        RuntimeError: it does not work on this machine.
    """

    def __init__(self, mode: Mode, max_faces: int) -> None:
        networks = _networks()
        self._detector = FaceDetector(networks.detector.runner())
        self._mesh = networks.mesh.runner()
        self._video = mode == "video"
        self._max_faces = max_faces
        self._shape: tuple[int, ...] = ()
        self._regions: list[Region] = []

    def detect(self, pixels: Frame, _timestamp: float) -> list[Landmarks]:
        """See `FaceLandmarker.detect`."""
        pixels = np.ascontiguousarray(pixels)
        if not self._video or pixels.shape != self._shape:
            self._regions, self._shape = [], pixels.shape
        regions = self._regions
        if len(regions) < self._max_faces:
            for detection in self._detector.detect(pixels)[: self._max_faces]:
                found = detection.region
                regions = [region for region in regions if region.overlap(found) <= _SAME_FACE]
                regions.append(found)
        looked_at = (self._landmarks(pixels, region) for region in regions[: self._max_faces])
        faces = [face for face in looked_at if face is not None]
        self._regions = [Region.around_face(face) for face in faces]
        return faces

    def close(self) -> None:
        """Nothing to free: the networks are shared."""

    def _landmarks(self, pixels: Frame, region: Region) -> Landmarks | None:
        """The landmarks of the face in a region, or None where there is none."""
        np.multiply(region.cut(pixels, _MESH_SIDE), np.float32(1 / 255), out=self._mesh.input[0])
        points, presence, _ = self._mesh.run()
        # A logit: above 0, a face is likelier than none.
        if not presence.item() > 0:
            return None
        return region.place(points.reshape(478, 3) / np.float32(_MESH_SIDE))


@dataclass(frozen=True)
class _Networks:
    """What is in the model file."""

    detector: CompiledNetwork
    mesh: CompiledNetwork


_compiling = threading.Lock()


def _networks() -> _Networks:
    """The networks, compiled once for the whole process: that takes a third of a second."""
    with _compiling:
        return _compile()


@functools.cache
def _compile() -> _Networks:
    with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
        return _Networks(
            CompiledNetwork(bundle.read("face_detector.tflite"), (1, 128, 128, 3)),
            CompiledNetwork(bundle.read("face_landmarks_detector.tflite"), (1, _MESH_SIDE, _MESH_SIDE, 3)),
        )
