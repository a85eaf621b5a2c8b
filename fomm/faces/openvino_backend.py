"""MediaPipe Face Landmarker's networks executed by OpenVINO, and its way from frame to frame around them.

Where a face was, the next frame is looked at, until the network says that none is there any more. The detector is
asked when nobody is followed, and a few times a second whether others have come. That is what MediaPipe does once it
has as many faces as are wanted. Where more are wanted it asks in every frame, and takes the detector's region of a
face that it follows already: that takes longer, and the detector's regions tremble, and with them the landmarks.
MediaPipe's own steadying of points, which it does only where one face is wanted, is left to the caller.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
import zipfile
from dataclasses import dataclass

import numpy as np

from fomm import resources
from fomm.animators.base import Frame, Landmarks
from fomm.faces.detector import SIDE as DETECTOR_SIDE
from fomm.faces.detector import FaceDetector
from fomm.faces.landmarker import Mode
from fomm.faces.regions import Region
from fomm.quickest import Quickest
from fomm.tflite import CompiledNetwork

#: Side of the picture that the landmark network looks at, in pixels.
MESH_SIDE = 256
#: Layers of the landmark network narrower than this see the whole face and compute in float32: there bfloat16 moves
#: points by half a pixel, and lets them tremble. Before, it moves them by an eighth.
_BFLOAT16_TO = 8
#: Sums between blocks of layers at least this wide may be in bfloat16 as well: that moves points by another fiftieth.
_SUMS_TO = 32
#: Regions that overlap by more than this are the same face's.
_SAME_FACE = 0.5
#: How many processors may share the landmark network's work on a frame. Two are done sooner than one, unless other
#: programs keep one of them busy: then the other waits. More would have too little to do.
THREADS = (1,) if os.cpu_count() == 1 else (1, 2)
#: Further faces are looked for this often, in seconds.
_LOOK_OUT_S = 0.3


class OpenVinoBackend:
    """See `fomm.faces.landmarker.Backend`.

    Raises:
        ImportError: OpenVINO is not installed.
        RuntimeError: it does not work on this machine.
    """

    def __init__(self, mode: Mode, max_faces: int) -> None:
        found = networks()
        self._detector = FaceDetector(found.detector.runner())
        self._meshes = [network.runner() for network in found.meshes]
        self._quickest = Quickest(len(self._meshes))
        self._video = mode == "video"
        self._max_faces = max_faces
        self._shape: tuple[int, ...] = ()
        self._regions: list[Region] = []
        self._looked_out = -math.inf

    def detect(self, pixels: Frame, timestamp: float) -> list[Landmarks]:
        """See `FaceLandmarker.detect`."""
        pixels = np.ascontiguousarray(pixels)
        if not self._video or pixels.shape != self._shape:
            self._regions, self._shape = [], pixels.shape
        faces: list[_Face] = []
        for region in self._regions:
            self._look_at(pixels, region, faces)
        if not faces or (len(faces) < self._max_faces and self._due(timestamp)):
            self._looked_out = timestamp
            for detection in self._detector.detect(pixels):
                self._look_at(pixels, detection.region, faces)
        self._regions = [face.region for face in faces]
        return [face.landmarks for face in faces]

    def close(self) -> None:
        """Nothing to free: the networks are shared."""

    def _due(self, timestamp: float) -> bool:
        """Whether it is time to look for further faces. Times jump back where a clip begins again."""
        return abs(timestamp - self._looked_out) >= _LOOK_OUT_S

    def _look_at(self, pixels: Frame, region: Region, faces: list[_Face]) -> None:
        """Add the face that is in a region to those found, if there is one that is not among them."""
        if len(faces) == self._max_faces or _among(region, faces):
            return
        landmarks = self._landmarks(pixels, region)
        if landmarks is None:
            return
        face = _Face(landmarks, Region.around_face(landmarks))
        # From two regions that hardly overlap the network may find its way to the same face.
        if not _among(face.region, faces):
            faces.append(face)

    def _landmarks(self, pixels: Frame, region: Region) -> Landmarks | None:
        """The landmarks of the face in a region, or None where there is none."""
        way = self._quickest.choose()
        mesh = self._meshes[way]
        region.cut(pixels, MESH_SIDE, out=mesh.input)
        started = time.perf_counter()
        points, presence, _ = mesh.run()
        self._quickest.took(way, time.perf_counter() - started)
        # A logit: above 0, a face is likelier than none.
        if not presence.item() > 0:
            return None
        return region.place(points.reshape(478, 3) / np.float32(MESH_SIDE))


@dataclass(frozen=True, eq=False)
class _Face:
    """A face in a frame, and where to look for it in the next one."""

    landmarks: Landmarks
    region: Region


def _among(region: Region, faces: list[_Face]) -> bool:
    return any(face.region.overlap(region) > _SAME_FACE for face in faces)


@dataclass(frozen=True)
class Networks:
    """What is in the model file; the landmark network for each of `THREADS`."""

    detector: CompiledNetwork
    meshes: tuple[CompiledNetwork, ...]


_compiling = threading.Lock()


def networks() -> Networks:
    """The networks, compiled once for the whole process: that takes a third of a second."""
    with _compiling:
        return _compile()


@functools.cache
def _compile() -> Networks:
    with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
        mesh = bundle.read("face_landmarks_detector.tflite")
        return Networks(
            CompiledNetwork(bundle.read("face_detector.tflite"), DETECTOR_SIDE, darkest=-1.0),
            tuple(
                CompiledNetwork(mesh, MESH_SIDE, bfloat16_to=_BFLOAT16_TO, sums_to=_SUMS_TO, threads=threads)
                for threads in THREADS
            ),
        )
